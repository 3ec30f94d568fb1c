"""The layers around a TCP segment, for a person to read: link header, VLAN tags, IP header.

The order is that of `header.py`, and that of `unwrap.py` between one plain stack and the next. Here every value is
kept, and speed does not matter.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final, NamedTuple

from analyzer.text import Message
from analyzer.wire.encapsulations import ENCAPSULATIONS, Span
from analyzer.wire.header import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    PROTOCOL_AH,
    VLAN_ETHERTYPES,
)
from analyzer.wire.link_types import (
    ETHERNET,
    IPV4,
    IPV6,
    LINUX_SLL,
    LINUX_SLL2,
    LOOP,
    NULL,
    RAW,
    RAW_BSD,
    RAW_OPENBSD,
    link_type_name,
)
from analyzer.wire.skips import FRAGMENT, skip_name

__all__ = ["Layer", "Layers", "layers_of"]

ECN: Final = ("not ECN-capable", "ECT(1)", "ECT(0)", "congestion experienced")
"""The two bits of RFC 3168 5."""

PACKET_TYPES: Final = ("to this host", "broadcast", "multicast", "to another host", "sent by this host")
"""The packet types of Linux's cooked capture."""

EXTENSION_HEADERS: Final = {
    0: "hop-by-hop options",
    43: "routing",
    44: "fragment",
    51: "authentication",
    60: "destination options",
    135: "mobility",
    139: "host identity",
    140: "shim6",
}


class Layer(NamedTuple):
    """One layer.

    Attributes:
        name: Its name.
        facts: The values in its header, in the order of the header.
    """

    name: str
    facts: tuple[str, ...]


class Layers(NamedTuple):
    """All layers of a frame.

    Attributes:
        layers: The layers, from the outside in.
        source: The sender in the innermost IP header, as bytes.
        destination: The receiver in the innermost IP header, as bytes.
    """

    layers: tuple[Layer, ...]
    source: bytes
    destination: bytes


def layers_of(frame: bytes, link_type: int, found: Span | None) -> Layers:
    """List the layers of a frame that holds a TCP segment.

    Args:
        frame: The frame.
        link_type: Its link type.
        found: Where the unwrapper found the segment. Its outer spans lead to the frame. None if the plain decoder
            found it.

    Returns:
        The layers.
    """
    spans: list[Span] = []
    while found is not None:
        spans.append(found)
        found = found.outer
    layers: list[Layer] = []
    addresses = _plain(frame, link_type, layers)
    for span in reversed(spans):
        data = span.block[span.at : span.end]
        if span.decoded:
            addresses = _plain(data, span.link_type, layers)
        elif span.key == FRAGMENT:
            layers.append(
                Layer(Message("fragments"), (Message("reassembled with fragments of other frames"),))
            )
        else:
            layers.append(Layer(Message(skip_name(span.key)), ENCAPSULATIONS[span.key].facts(span)))
    return Layers(tuple(layers), *addresses)


def _plain(frame: bytes, link_type: int, found: list[Layer]) -> tuple[bytes, bytes]:
    """Append the layers that `Header.decode` reads. Return the addresses of the IP header, empty if there is none."""
    at = _link(frame, link_type, found)
    if at < 0 or at >= len(frame):
        return b"", b""
    if frame[at] >> 4 == 4:
        return _ipv4(frame, at, found)
    return _ipv6(frame, at, found)


def _link(frame: bytes, link_type: int, found: list[Layer]) -> int:
    """Append the link layer and its VLAN tags. Return where the IP header begins, -1 if that is unknown."""
    name = link_type_name(link_type)
    if link_type == ETHERNET and len(frame) >= 14:
        addresses = Message(
            "{source} → {destination}", source=frame[6:12].hex(":"), destination=frame[:6].hex(":")
        )
        return _tags(frame, 12, 14, name, (addresses,), found)
    if link_type == LINUX_SLL and len(frame) >= 16:
        return _tags(frame, 14, 16, name, _cooked(frame[0:2], frame[6:14], frame[4:6]), found)
    if link_type == LINUX_SLL2 and len(frame) >= 20:
        interface = Message("interface {number}", number=_number(frame[4:8]))
        facts = (interface, *_cooked(frame[10:11], frame[12:20], frame[11:12]))
        return _tags(frame, 0, 20, name, facts, found)
    if link_type in (NULL, LOOP) and len(frame) >= 4:
        found.append(Layer(name, (Message("address family {bytes}", bytes=frame[:4].hex(" ")),)))
        return 4
    if link_type in (RAW, IPV4, IPV6) and found:
        return 0
    if link_type in (RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6):
        found.append(Layer(name, ()))
        return 0
    found.append(Layer(name, ()))
    return -1


def _cooked(kind: bytes, address: bytes, length: bytes) -> tuple[str, ...]:
    number = _number(kind)
    facts = [
        Message(PACKET_TYPES[number])
        if number < len(PACKET_TYPES)
        else Message("type {number}", number=number)
    ]
    data = min(_number(length), 8)
    if data:
        facts.append(Message("from {source}", source=address[:data].hex(":")))
    return tuple(facts)


def _tags(frame: bytes, kind_at: int, at: int, name: str, facts: tuple[str, ...], found: list[Layer]) -> int:
    kind = _number(frame[kind_at : kind_at + 2])
    tags: list[Layer] = []
    outer = kind
    while kind in VLAN_ETHERTYPES and at + 4 <= len(frame):
        tag = _number(frame[at : at + 2])
        facts_of_tag = [
            Message("ID {number}", number=tag & 0x0FFF),
            Message("priority {number}", number=tag >> 13),
        ]
        if tag & 0x1000:
            facts_of_tag.append(Message("may be dropped (DEI)"))
        tags.append(Layer("VLAN", tuple(facts_of_tag)))
        kind = _number(frame[at + 2 : at + 4])
        at += 4
    found.append(Layer(name, (*facts, Message("type 0x{kind}", kind=f"{outer:04x}"))))
    found.extend(tags)
    return at if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6) else -1


def _extensions(frame: bytes, at: int, following: int) -> list[int]:
    """The numbers of the extension headers from `at` on. The first one is `following`."""
    numbers = []
    while following in EXTENSION_HEADERS and at + 2 <= len(frame):
        numbers.append(following)
        if following == 44:
            length = 8
        elif following == PROTOCOL_AH:
            length = (frame[at + 1] + 2) * 4
        else:
            length = (frame[at + 1] + 1) * 8
        following = frame[at]
        at += length
    return numbers


def _named_extensions(numbers: list[int]) -> list[str]:
    return [
        Message("extension header: {name}", name=Message(EXTENSION_HEADERS[number])) for number in numbers
    ]


def _ipv4(frame: bytes, at: int, found: list[Layer]) -> tuple[bytes, bytes]:
    header = frame[at : at + 20]
    source, destination = header[12:16], header[16:20]
    length = _number(header[2:4])
    number = _number(header[6:8])
    facts: list[str] = [
        _addresses(source, destination),
        Message("TTL {hops}", hops=header[8]),
        Message("ID 0x{number}", number=f"{_number(header[4:6]):04x}"),
        Message("fragment at byte {offset}", offset=(number & 0x1FFF) << 3)
        if number & 0x3FFF
        else Message("must not be fragmented (DF)")
        if number & 0x4000
        else Message("may be fragmented"),
        *_traffic(header[1]),
        Message("{count} bytes", count=length) if length else Message("length 0 (segmentation offload)"),
    ]
    options = ((header[0] & 0x0F) << 2) - 20
    if options:
        facts.append(Message("{count} bytes of IP options", count=options))
    if header[9] == PROTOCOL_AH:
        facts += _named_extensions(_extensions(frame, at + 20 + options, PROTOCOL_AH))
    found.append(Layer("IPv4", tuple(facts)))
    return source, destination


def _ipv6(frame: bytes, at: int, found: list[Layer]) -> tuple[bytes, bytes]:
    header = frame[at : at + 40]
    source, destination = header[8:24], header[24:40]
    first = _number(header[:4])
    length = _number(header[4:6])
    facts: list[str] = [
        _addresses(source, destination),
        Message("hop limit {hops}", hops=header[7]),
        Message("flow label 0x{number}", number=f"{first & 0xFFFFF:05x}"),
        *_traffic(first >> 20 & 0xFF),
        Message("{count} bytes after the header", count=length)
        if length
        else Message("length 0 (segmentation offload)"),
    ]
    facts += _named_extensions(_extensions(frame, at + 40, header[6]))
    found.append(Layer("IPv6", tuple(facts)))
    return source, destination


def _addresses(source: bytes, destination: bytes) -> str:
    return Message("{source} → {destination}", source=ip_address(source), destination=ip_address(destination))


def _traffic(byte: int) -> tuple[str, ...]:
    """ECN, and DSCP if it is not the default."""
    ecn = Message("ECN: {meaning}", meaning=Message(ECN[byte & 3]))
    return (Message("DSCP {number}", number=byte >> 2), ecn) if byte >> 2 else (ecn,)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
