"""ICMP errors: what they report, who sends them, and which TCP segment they are about.

An error quotes the IP header and at least eight bytes of the packet that it is about (RFC 792; RFC 1812 4.3.2.3 and
RFC 4443 2.4 ask for more). That is enough for the addresses, the ports and the sequence number. Errors are rare, so
this is not on the packet path.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from analyzer.text import Message
from analyzer.wire.header import PROTOCOL_TCP, Header

__all__ = ["ERROR_KINDS", "ErrorKind", "ErrorMessage", "error_text", "read_error"]

ICMP: Final = 1
ICMPV6: Final = 58

MTU: Final = "mtu"
BYTE: Final = "byte"
GATEWAY: Final = "gateway"


class ErrorKind(NamedTuple):
    """One kind of ICMP error.

    Attributes:
        name: Its name in documents.
        shown: Its text in reports.
        meaning: What it means for TCP.
        detail: What its number is: `MTU`, `BYTE` or `GATEWAY`; empty if it has no number.
    """

    name: str
    shown: str
    meaning: str
    detail: str = ""


# How the sender of the segment should react, by RFC 9293 3.9.2.2. A soft error may be temporary and must not end the
# connection, but RFC 5461 found that many systems abort the handshake after one. A hard error should end the
# connection; RFC 5927 advises against this for an open connection. RFC 9293 classifies only some errors.
_SOFT: Final = (
    "a soft error: it may be temporary, so TCP keeps trying, but many systems abort the handshake (RFC 5461)"
)
_UNSORTED: Final = (
    "RFC 9293 does not classify it: many systems abort the handshake, but keep an open connection"
)
_HARD: Final = "a hard error: TCP should abort the connection, unless it is already open (RFC 5927)"

_ALL: Final = -1
"""Any code of the type that has no row."""

# (version of IP, type, code) -> the error. RFC 792; RFC 1122 3.2.2.1 for codes 6 to 12 of type 3; RFC 1812 5.2.7.1
# for 13 to 15; RFC 1191 4 for the MTU; RFC 4443 3 for ICMPv6.
ERROR_KINDS: Final = {
    (4, 3, 0): ErrorKind("net-unreachable", "network unreachable", _SOFT),
    (4, 3, 1): ErrorKind("host-unreachable", "host unreachable", _SOFT),
    (4, 3, 2): ErrorKind("protocol-unreachable", "protocol unreachable", _HARD),
    (4, 3, 3): ErrorKind("port-unreachable", "port unreachable", _HARD),
    (4, 3, 4): ErrorKind(
        "fragmentation-needed",
        "fragmentation needed, next hop MTU {detail}",
        "the packet is too long for the next link and must not be fragmented: TCP sends smaller segments (RFC 1191)",
        MTU,
    ),
    (4, 3, 5): ErrorKind("source-route-failed", "source route failed", _SOFT),
    (4, 3, 6): ErrorKind("net-unknown", "destination network unknown", _UNSORTED),
    (4, 3, 7): ErrorKind("host-unknown", "destination host unknown", _UNSORTED),
    (4, 3, 8): ErrorKind("host-isolated", "source host isolated", _UNSORTED),
    (4, 3, 9): ErrorKind("net-prohibited", "network administratively prohibited", _UNSORTED),
    (4, 3, 10): ErrorKind("host-prohibited", "host administratively prohibited", _UNSORTED),
    (4, 3, 11): ErrorKind(
        "net-unreachable-for-service", "network unreachable for type of service", _UNSORTED
    ),
    (4, 3, 12): ErrorKind("host-unreachable-for-service", "host unreachable for type of service", _UNSORTED),
    (4, 3, 13): ErrorKind("administratively-prohibited", "administratively prohibited", _UNSORTED),
    (4, 3, 14): ErrorKind("precedence-violation", "host precedence violation", _UNSORTED),
    (4, 3, 15): ErrorKind("precedence-cutoff", "precedence cutoff in effect", _UNSORTED),
    (4, 3, _ALL): ErrorKind("destination-unreachable", "destination unreachable", _UNSORTED),
    (4, 4, _ALL): ErrorKind("source-quench", "source quench", "TCP must ignore it (RFC 6633)"),
    (4, 5, _ALL): ErrorKind(
        "redirect", "redirect to {detail}", "a better first hop for the next packets", GATEWAY
    ),
    (4, 11, 1): ErrorKind("reassembly-time-exceeded", "fragment reassembly time exceeded", _SOFT),
    (4, 11, _ALL): ErrorKind("time-exceeded", "time exceeded in transit", _SOFT),
    (4, 12, 0): ErrorKind("parameter-problem", "parameter problem, byte {detail}", _SOFT, BYTE),
    (4, 12, _ALL): ErrorKind("parameter-problem", "parameter problem", _SOFT),
    (6, 1, 0): ErrorKind("no-route", "no route to destination", _SOFT),
    (6, 1, 1): ErrorKind("administratively-prohibited", "administratively prohibited", _HARD),
    (6, 1, 2): ErrorKind("beyond-scope", "beyond scope of source address", _UNSORTED),
    (6, 1, 3): ErrorKind("address-unreachable", "address unreachable", _SOFT),
    (6, 1, 4): ErrorKind("port-unreachable", "port unreachable", _HARD),
    (6, 1, 5): ErrorKind("source-address-failed", "source address failed the policy", _UNSORTED),
    (6, 1, 6): ErrorKind("route-rejected", "reject route to destination", _UNSORTED),
    (6, 1, _ALL): ErrorKind("destination-unreachable", "destination unreachable", _UNSORTED),
    (6, 2, _ALL): ErrorKind(
        "packet-too-big",
        "packet too big, MTU {detail}",
        "the packet is too long for the next link: TCP sends smaller segments (RFC 8201)",
        MTU,
    ),
    (6, 3, 1): ErrorKind("reassembly-time-exceeded", "fragment reassembly time exceeded", _SOFT),
    (6, 3, _ALL): ErrorKind("time-exceeded", "time exceeded in transit", _SOFT),
    (6, 4, _ALL): ErrorKind("parameter-problem", "parameter problem, byte {detail}", _SOFT, BYTE),
}

# RFC 4884 3: a field holds the length of the quote, in words of four bytes (ICMP) or eight (ICMPv6). Extensions follow.
# Such a quote is padded to at least 128 bytes, so a smaller value is not a length.
_LEAST_MEASURED_QUOTE: Final = 128
_MEASURED: Final = ((4, 3), (4, 11), (4, 12), (6, 1), (6, 3))

_FRAGMENT_HEADER: Final = 44
_AUTHENTICATION_HEADER: Final = 51
# RFC 8200 4.1 and RFC 7045: their second byte is their length in units of eight bytes, without the first unit.
_EXTENSION_HEADERS: Final = (0, 43, 60, 135, 139, 140)


class ErrorMessage(NamedTuple):
    """An ICMP error about a TCP segment.

    Attributes:
        kind: The kind of error.
        number: By `kind.detail`: the MTU in bytes, the offset of a byte, or the address of a gateway; else 0.
        sender_high: The high half of the address that sent the error, as in `Header`.
        sender_low: The low half of that address.
        quoted: The segment that it is about. Only its addresses, its ports and `seq` are set.
    """

    kind: ErrorKind
    number: int
    sender_high: int
    sender_low: int
    quoted: Header


def error_text(kind: ErrorKind, number: int) -> Message:
    """Return the text of an error, with its number. Harmless."""
    if not kind.detail:
        return Message(kind.shown)
    if kind.detail == GATEWAY:
        return Message(kind.shown, detail=".".join(str(byte) for byte in number.to_bytes(4, "big")))
    if kind.detail == MTU and not number:
        # RFC 1191 4: older routers leave the field empty.
        return Message(kind.shown.partition(",")[0])
    return Message(kind.shown, detail=number)


def read_error(block: bytes, at: int, end: int) -> ErrorMessage | None:
    """Read an ICMP error.

    Args:
        block: The bytes that hold the IP packet.
        at: Where the IP packet begins.
        end: Where the captured part of it ends.

    Returns:
        The error; None for any other ICMP message, and if the quoted packet is not a TCP segment, a later fragment of
        one, or too short for the sequence number.
    """
    outer = Header()
    packet = _past_ip(block, at, end, outer)
    if packet is None or packet.protocol != (ICMP if outer.ip_version == 4 else ICMPV6):
        return None
    start = packet.inside
    if start + 8 > packet.end:
        return None
    version, type_, code = int(outer.ip_version), block[start], block[start + 1]
    kind = ERROR_KINDS.get((version, type_, code)) or ERROR_KINDS.get((version, type_, _ALL))
    if kind is None:
        return None
    measured = block[start + 5] * 4 if version == 4 else block[start + 4] * 8
    quote_end = packet.end
    if (version, type_) in _MEASURED and measured >= _LEAST_MEASURED_QUOTE:
        quote_end = min(quote_end, start + 8 + measured)
    quoted = Header()
    segment = _past_ip(block, start + 8, quote_end, quoted)
    if segment is None or quoted.ip_version != version:
        return None
    if segment.protocol != PROTOCOL_TCP or segment.inside + 8 > quote_end:
        return None
    ports = segment.inside
    quoted.source_port = _number(block, ports, 2)
    quoted.destination_port = _number(block, ports + 2, 2)
    quoted.seq = _number(block, ports + 4, 4)
    if kind.detail == MTU:
        number = _number(block, start + 6, 2) if version == 4 else _number(block, start + 4, 4)
    elif kind.detail == BYTE:
        number = block[start + 4] if version == 4 else _number(block, start + 4, 4)
    else:
        number = _number(block, start + 4, 4) if kind.detail == GATEWAY else 0
    return ErrorMessage(kind, number, int(outer.source_high), int(outer.source_low), quoted)


class _Packet(NamedTuple):
    """The content of an IP packet.

    Attributes:
        protocol: Its protocol.
        inside: Where it begins.
        end: Where it ends.
    """

    protocol: int
    inside: int
    end: int


def _past_ip(block: bytes, at: int, end: int, header: Header) -> _Packet | None:
    """Read an IP header and its extensions. The addresses go into `header`. None for damage and later fragments.

    The length in the header limits a packet only if the whole packet is there. A quoted packet is longer than its
    quote, and its length is not checked.
    """
    version = block[at] >> 4 if at < end else 0
    header.ip_version = version
    if version == 4 and at + 20 <= end:
        length = (block[at] & 0x0F) << 2
        if length < 20 or _number(block, at + 6, 2) & 0x1FFF:
            return None
        header.source_low = _number(block, at + 12, 4)
        header.destination_low = _number(block, at + 16, 4)
        total = _number(block, at + 2, 2)
        return _Packet(block[at + 9], at + length, min(end, at + total) if total >= length else end)
    if version != 6 or at + 40 > end:
        return None
    header.source_high, header.source_low = _signed(block, at + 8), _signed(block, at + 16)
    header.destination_high, header.destination_low = _signed(block, at + 24), _signed(block, at + 32)
    payload = _number(block, at + 4, 2)
    following, inside = block[at + 6], at + 40
    while inside + 8 <= end:
        if following == _FRAGMENT_HEADER:
            if _number(block, inside + 2, 2) & 0xFFF8:
                return None
            step = 8
        elif following == _AUTHENTICATION_HEADER:
            step = (block[inside + 1] + 2) << 2
        elif following in _EXTENSION_HEADERS:
            step = (block[inside + 1] + 1) << 3
        else:
            break
        following, inside = block[inside], inside + step
    return _Packet(following, inside, min(end, at + 40 + payload) if payload else end)


def _number(block: bytes, at: int, size: int) -> int:
    return int.from_bytes(block[at : at + size], "big")


def _signed(block: bytes, at: int) -> int:
    """Half an IPv6 address as in `Header`: signed, so that it fits in 64 bits."""
    return int.from_bytes(block[at : at + 8], "big", signed=True)
