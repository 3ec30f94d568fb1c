"""The options of one TCP header, for a person to read: names, bytes, values, faults.

`options.py` reads the same bytes for the state machine. Only its result matters for a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from analyzer.text import Message
from analyzer.wire import options

__all__ = ["OPTION_NAMES", "Option", "list_options"]

OPTION_NAMES: Final = {
    options.END: "End of Option List",
    options.NO_OPERATION: "No-Operation",
    options.MAXIMUM_SEGMENT_SIZE: "Maximum Segment Size",
    options.WINDOW_SCALE: "Window Scale",
    options.SACK_PERMITTED: "SACK Permitted",
    options.SACK: "SACK",
    6: "Echo",
    7: "Echo Reply",
    options.TIMESTAMPS: "Timestamps",
    9: "Partial Order Connection Permitted",
    10: "Partial Order Service Profile",
    11: "CC",
    12: "CC.NEW",
    13: "CC.ECHO",
    14: "Alternate Checksum Request",
    15: "Alternate Checksum Data",
    18: "Trailer Checksum",
    19: "MD5 Signature",
    27: "Quick-Start Response",
    28: "User Timeout",
    29: "Authentication (TCP-AO)",
    options.MULTIPATH: "Multipath TCP",
    options.FAST_OPEN: "Fast Open Cookie",
    69: "Encryption Negotiation (TCP-ENO)",
    172: "Accurate ECN Order 0",
    174: "Accurate ECN Order 1",
    options.EXPERIMENT_1: "Experiment",
    options.EXPERIMENT_2: "Experiment",
}
"""IANA's registry of option kinds. Old captures have obsolete kinds, so they are included."""

MULTIPATH_SUBTYPES: Final = (
    "MP_CAPABLE", "MP_JOIN", "DSS", "ADD_ADDR", "REMOVE_ADDR", "MP_PRIO", "MP_FAIL", "MP_FASTCLOSE",
    "MP_TCPRST",
)  # fmt: skip
MULTIPATH_EXPERIMENT: Final = 15


class Option(NamedTuple):
    """One option in the header.

    Attributes:
        kind: Its kind.
        offset: Its first byte, from the beginning of the TCP header.
        raw: All its bytes, with kind and length.
        name: Its name.
        value: Its meaning; empty if there is none.
        fault: What is wrong with it; empty if nothing is.
    """

    kind: int
    offset: int
    raw: bytes
    name: str
    value: str
    fault: str


def list_options(raw: bytes, *, complete: bool, base: int | None) -> list[Option]:
    """List the options of a header.

    Args:
        raw: The bytes after the first 20 of the header.
        complete: Whether the whole header was captured. If not, an option that runs past the end is not a fault.
        base: The base of relative acknowledgement numbers, for SACK blocks; None if it is unknown.

    Returns:
        The options, in order.
    """
    found: list[Option] = []
    at = 0
    while at < len(raw):
        kind = raw[at]
        name = Message(OPTION_NAMES[kind]) if kind in OPTION_NAMES else Message("kind {kind}", kind=kind)
        if kind == options.END:
            rest = raw[at + 1 :]
            value = fault = ""
            if any(rest):
                fault = Message("bytes that are not 0 follow the end")
            elif rest:
                value = Message("the rest is padding")
            found.append(Option(kind, 20 + at, raw[at:], name, value, fault))
            break
        if kind == options.NO_OPERATION:
            found.append(Option(kind, 20 + at, raw[at : at + 1], name, Message("padding"), ""))
            at += 1
            continue
        size = raw[at + 1] if at + 1 < len(raw) else None
        if size is None or size < 2 or at + size > len(raw):
            found.append(Option(kind, 20 + at, raw[at:], name, "", _length_fault(size, complete)))
            break
        body = raw[at + 2 : at + size]
        reader = _READERS.get(kind, _unread)
        read = reader(body, base)
        fault = (
            ""
            if read is not None
            else Message("this kind of option cannot have a length of {size}", size=size)
        )
        found.append(Option(kind, 20 + at, raw[at : at + size], name, read or "", fault))
        at += size
    return found


def _length_fault(size: int | None, complete: bool) -> str:
    if size is not None and size < 2:
        return Message("a length of {size} is impossible: the options after it cannot be read", size=size)
    if not complete:
        return Message("cut off by the capture")
    if size is None:
        return Message("its length is missing")
    return Message("its length of {size} runs past the end of the header", size=size)


# Each reader returns the value as text; None if the length does not fit the kind.


def _unread(body: bytes, base: int | None) -> str | None:
    return ""


def _maximum_segment_size(body: bytes, base: int | None) -> str | None:
    if len(body) != 2:
        return None
    return Message("at most {bytes} bytes of payload in a segment", bytes=_number(body))


def _window_scale(body: bytes, base: int | None) -> str | None:
    if len(body) != 1:
        return None
    if body[0] > options.WINDOW_SCALE_LIMIT:
        return Message(
            "shift {shift}, which counts as 14: windows are multiplied by {factor}",
            shift=body[0],
            factor=1 << options.WINDOW_SCALE_LIMIT,
        )
    return Message("shift {shift}: windows are multiplied by {factor}", shift=body[0], factor=1 << body[0])


def _sack_permitted(body: bytes, base: int | None) -> str | None:
    return None if body else Message("selective acknowledgements are allowed")


def _sack(body: bytes, base: int | None) -> str | None:
    if not body or len(body) % 8:
        return None
    numbers = [_number(body[at : at + 4]) for at in range(0, len(body), 4)]
    if base is not None:
        numbers = [(number - base) & 0xFFFFFFFF for number in numbers]
    blocks = ", ".join(f"{left}–{right}" for left, right in zip(numbers[::2], numbers[1::2], strict=True))
    if base is None:
        return Message("received {blocks} (absolute)", blocks=blocks)
    return Message("received {blocks}", blocks=blocks)


def _timestamps(body: bytes, base: int | None) -> str | None:
    if len(body) != 8:
        return None
    return Message("value {value}, echo {echo}", value=_number(body[:4]), echo=_number(body[4:]))


def _user_timeout(body: bytes, base: int | None) -> str | None:
    if len(body) != 2:
        return None
    number = _number(body)
    if number & 0x8000:
        return Message("{count} minutes", count=number & 0x7FFF)
    return Message("{count} seconds", count=number)


def _multipath(body: bytes, base: int | None) -> str | None:
    if not body:
        return None
    subtype = body[0] >> 4
    if subtype < len(MULTIPATH_SUBTYPES):
        return MULTIPATH_SUBTYPES[subtype]
    if subtype == MULTIPATH_EXPERIMENT:
        return "MP_EXPERIMENTAL"
    return Message("subtype {subtype}", subtype=subtype)


def _fast_open(body: bytes, base: int | None) -> str | None:
    if not body:
        return Message("requests a cookie")
    return Message("cookie {cookie}", cookie=body.hex())


def _experiment(body: bytes, base: int | None) -> str | None:
    if len(body) < 2:
        return ""
    identifier = _number(body[:2])
    if identifier == options.FAST_OPEN_MAGIC:
        return Message("Fast Open with the experimental kind: {value}", value=_fast_open(body[2:], base))
    return Message("experiment 0x{identifier}", identifier=f"{identifier:04x}")


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


_READERS: Final[dict[int, Callable[[bytes, int | None], str | None]]] = {
    options.MAXIMUM_SEGMENT_SIZE: _maximum_segment_size,
    options.WINDOW_SCALE: _window_scale,
    options.SACK_PERMITTED: _sack_permitted,
    options.SACK: _sack,
    options.TIMESTAMPS: _timestamps,
    28: _user_timeout,
    options.MULTIPATH: _multipath,
    options.FAST_OPEN: _fast_open,
    options.EXPERIMENT_1: _experiment,
    options.EXPERIMENT_2: _experiment,
}
