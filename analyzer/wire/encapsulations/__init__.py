"""The table of layers that a packet may be wrapped in: how each is recognised, where its inside begins, what it says.

A row's `read` is given the octets of its layer and answers with what is inside: each inside is named by a code of
`skips.py`, which is the key of the next row. What has no row is counted under that code's name. Nothing is guessed: a
layer that does not say what it holds, or says something impossible, holds nothing that is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from analyzer.text import say
from analyzer.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, LONGEST_802_3, VLAN_ETHERTYPES
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
)
from analyzer.wire.skips import (
    ENCRYPTED_WIRELESS,
    ERSPAN,
    ETHERTYPE,
    LINK_TYPE,
    LLC,
    PADDED_WIRELESS,
    PPP,
    PPP_PROTOCOL,
    PROTOCOL,
    UDP_PORT,
    WIRELESS_FRAGMENT,
)

__all__ = ["ENCAPSULATIONS", "CutError", "Encapsulation", "Span"]

PACKET_4: Final = LINK_TYPE + IPV4
PACKET_6: Final = LINK_TYPE + IPV6
ETHERNET_FRAME: Final = LINK_TYPE + ETHERNET
WIRELESS: Final = LINK_TYPE + 105
MPLS: Final = ETHERTYPE + 0x8847

_PLAIN: Final = {
    LINK_TYPE + number: number
    for number in (NULL, ETHERNET, RAW, RAW_BSD, RAW_OPENBSD, LOOP, LINUX_SLL, LINUX_SLL2, IPV4, IPV6)
} | {ETHERTYPE + ETHERTYPE_IPV4: IPV4, ETHERTYPE + ETHERTYPE_IPV6: IPV6}
"""What `Header.decode` reads: code -> the link type to give it."""

ENDLESS: Final = 1 << 17
"""The end of a packet made here: its own header bounds it."""

LONGEST: Final = 65000
"""Octets taken out of a compressed packet at most."""


class CutError(Exception):
    """The layer ends before its header does."""


class Span(NamedTuple):
    """Octets that a layer consists of.

    key: what they are, a code of `skips.py`. block: where they lie, from `at` on. end: where what was captured of
    them ends. wire_end: where they end. ip_at: where in the block the last IP header began. outer: the span they lie
    in.
    """

    key: int
    block: bytes
    at: int
    end: int
    wire_end: int
    ip_at: int
    outer: Span | None = None
    depth: int = 0

    def number(self, start: int, size: int, order: str = "big") -> int:
        """The number `start` octets into the layer. Raises `CutError`."""
        at = self.at + start
        if start < 0 or at + size > self.end:
            raise CutError
        return int.from_bytes(self.block[at : at + size], "little" if order == "little" else "big")

    @property
    def length(self) -> int:
        """Octets on the wire."""
        return self.wire_end - self.at

    def inside(self, key: int, start: int, length: int | None = None) -> Span:
        """What begins `start` octets into the layer and has `length` octets, or all there are. Raises `CutError`."""
        at = self.at + start
        wire_end = self.wire_end if length is None else min(self.wire_end, at + length)
        if start < 0 or at > min(wire_end, self.end):
            raise CutError
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, self.ip_at, self, self.depth + 1)

    def rest(self, key: int, at: int, wire_end: int, ip_at: int) -> Span:
        """What `Header.decode` left of this span."""
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, ip_at, self, self.depth + 1)

    def made(self, key: int, block: bytes) -> Span:
        """A packet made out of this layer."""
        return Span(key, block, 0, len(block), ENDLESS, 0, self, self.depth + 1)

    @property
    def decoded(self) -> bool:
        """Whether `Header.decode` reads it."""
        return self.key in _PLAIN

    @property
    def link_type(self) -> int:
        """What to call it when it is given to `Header.decode`."""
        return _PLAIN[self.key]


Inside = Sequence[Span]
NOTHING: Final[Inside] = ()


class Encapsulation(NamedTuple):
    """A row: read: span -> what is inside. facts: what its header tells a person. source: where it is defined."""

    read: Callable[[Span], Inside]
    facts: Callable[[Span], tuple[str, ...]]
    source: str


def _nothing_told(span: Span) -> tuple[str, ...]:
    return ()


def _by_version(span: Span, start: int) -> Inside:
    """An IP packet, by the version in its first octet; nothing where it is neither."""
    version = span.number(start, 1) >> 4
    if version == 4:
        return (span.inside(PACKET_4, start),)
    if version == 6:
        return (span.inside(PACKET_6, start),)
    return NOTHING


def _of_type(kind: int) -> int:
    """The code for an EtherType, or for the length in its place."""
    return LLC if kind <= LONGEST_802_3 else ETHERTYPE + kind


def _after(count: int, key: int) -> Callable[[Span], Inside]:
    """A header of `count` octets, always before the same."""
    return lambda span: (span.inside(key, count),)


def _typed(at: int, count: int) -> Callable[[Span], Inside]:
    """A header of `count` octets with an EtherType at `at`."""
    return lambda span: (span.inside(_of_type(span.number(at, 2)), count),)


# Link layers.


def _llc(span: Span) -> Inside:
    service, control = span.number(0, 2), span.number(2, 1)
    if control != 3:
        return NOTHING
    if service == 0xAAAA:
        organisation = span.number(3, 3)
        # RFC 1042; IEEE 802.1H marks what a bridge has translated with an organisation code of its own.
        if organisation in (0, 0x0000F8):
            return (span.inside(_of_type(span.number(6, 2)), 8),)
        # IEEE 802 frames bridged over other networks, with and without their checksum.
        if organisation == 0x0080C2 and span.number(6, 2) in (1, 7):
            return (span.inside(ETHERNET_FRAME, 8),)
        return NOTHING
    if service == 0x0606:
        return (span.inside(PACKET_4, 3),)
    if service == 0xFEFE:
        return _network_layer_identifier(span, 3)
    return NOTHING


def _network_layer_identifier(span: Span, at: int) -> Inside:
    """ISO/IEC TR 9577."""
    identifier = span.number(at, 1)
    if identifier == 0xCC:
        return (span.inside(PACKET_4, at + 1),)
    if identifier == 0x8E:
        return (span.inside(PACKET_6, at + 1),)
    if identifier == 0xCF:
        return (span.inside(PPP, at + 1),)
    if identifier == 0x80:
        organisation, kind = span.number(at + 1, 3), span.number(at + 4, 2)
        if organisation == 0:
            return (span.inside(_of_type(kind), at + 6),)
        if organisation == 0x0080C2 and kind in (1, 7):
            return (span.inside(ETHERNET_FRAME, at + 6),)
    return NOTHING


def _atm(span: Span) -> Inside:
    # RFC 2684 5.2: bridged frames have two octets of padding, which LLC elsewhere has not.
    if span.number(0, 3) == 0xAAAA03 and span.number(3, 3) == 0x0080C2 and span.number(6, 2) in (1, 7):
        return (span.inside(ETHERNET_FRAME, 10),)
    return _llc(span)


def _sun_atm(span: Span) -> Inside:
    return _atm(span.inside(LLC, 4)) if span.number(0, 1) & 0x0F == 2 else NOTHING


def _token_ring(span: Span) -> Inside:
    routed = span.number(8, 1) & 0x80
    return (span.inside(LLC, 14 + (span.number(14, 1) & 0x1F if routed else 0)),)


def _arcnet(at: int) -> Callable[[Span], Inside]:
    """`at`: where the protocol stands."""

    def read(span: Span) -> Inside:
        protocol = span.number(at, 1)
        # RFC 1051 has no header of fragments.
        if protocol == 240:
            return (span.inside(PACKET_4, at + 1),)
        key = {212: PACKET_4, 196: PACKET_6}.get(protocol)
        if key is None:
            return NOTHING
        # RFC 1201 2.2: an exception frame repeats the header behind four octets.
        start = at + (5 if span.number(at + 1, 1) == 0xFF else 1)
        return NOTHING if span.number(start, 1) else (span.inside(key, start + 3),)

    return read


def _frame_relay(span: Span) -> Inside:
    at = 0
    while not span.number(at, 1) & 1 and at < 3:
        at += 1
    at += 1
    if span.number(at, 1) == 3:
        # RFC 2427 3: one octet of padding may come before the identifier.
        return _network_layer_identifier(span, at + 1 if span.number(at + 1, 1) else at + 2)
    return (span.inside(_of_type(span.number(at, 2)), at + 2),)


def _cisco_hdlc(span: Span) -> Inside:
    return (span.inside(_of_type(span.number(2, 2)), 4),)


def _serial(span: Span) -> Inside:
    """PPP or Cisco HDLC, which the address tells apart."""
    if span.number(0, 2) in (0x0F00, 0x8F00):
        return _cisco_hdlc(span)
    return _ppp(span)


_PPP_INSIDE: Final = {0x0021: PACKET_4, 0x0057: PACKET_6, 0x0281: MPLS, 0x0283: MPLS}


def _ppp(span: Span) -> Inside:
    # Address and control may be left out, and the first octet of the protocol (RFC 1661 6.5 and 6.6).
    at = 2 if span.number(0, 1) == 0xFF and span.number(1, 1) == 3 else 0
    size = 1 if span.number(at, 1) & 1 else 2
    protocol = span.number(at, size)
    return (span.inside(_PPP_INSIDE.get(protocol, PPP_PROTOCOL + protocol), at + size),)


def _directed(read: Callable[[Span], Inside]) -> Callable[[Span], Inside]:
    """One octet of direction before the frame."""
    return lambda span: read(span.inside(span.key, 1))


def _pppd(span: Span) -> Inside:
    # The direction stands where the address, 0xff, was.
    return _ppp(span.inside(span.key, 2 if span.number(1, 1) == 3 else 1))


def _ppp_bridging(span: Span) -> Inside:
    flags = span.number(0, 1)
    at = 6 if flags & 0x40 else 2
    # RFC 3518 4.2: the type of 1 is IEEE 802.3 or Ethernet; the flags tell of checksum and padding.
    if span.number(1, 1) != 1:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, at, span.length - at - (flags & 0x0F) - (4 if flags & 0x80 else 0)),)


def _pppoe(span: Span) -> Inside:
    if span.number(0, 2) != 0x1100:
        return NOTHING
    return (span.inside(PPP, 6, span.number(4, 2)),)


def _pppoe_facts(span: Span) -> tuple[str, ...]:
    return (say("session {number}", number=span.number(2, 2)),)


_FAMILIES: Final = {2: PACKET_4, 10: PACKET_6, 24: PACKET_6, 26: PACKET_6, 28: PACKET_6, 30: PACKET_6}
"""What the BSDs, Linux and macOS call the address families."""


def _of_family(span: Span, family: int, at: int) -> Inside:
    key = _FAMILIES.get(family)
    return NOTHING if key is None else (span.inside(key, at),)


def _pf_log(span: Span) -> Inside:
    # The length leaves out the padding to four octets.
    return _of_family(span, span.number(1, 1), (span.number(0, 1) + 3) & ~3)


def _openbsd_encapsulation(span: Span) -> Inside:
    family = span.number(0, 4)
    return _of_family(span, family if family < 256 else span.number(0, 4, "little"), 12)


def _ax25(span: Span) -> Inside:
    at = 14
    while not span.number(at - 1, 1) & 1:
        at += 7
    # An unnumbered or numbered information frame with protocol 0xcc.
    information = span.number(at, 1) & 1 == 0 or span.number(at, 1) & 0xEF == 3
    return (span.inside(PACKET_4, at + 2),) if information and span.number(at + 1, 1) == 0xCC else NOTHING


def _docsis(span: Span) -> Inside:
    control = span.number(0, 1)
    if control & 0xC0:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, 6 + (span.number(1, 1) if control & 1 else 0)),)


def _mpacket(span: Span) -> Inside:
    # IEEE 802.3br 99.3: only an express frame is whole.
    return (span.inside(ETHERNET_FRAME, 8),) if span.number(7, 1) == 0xD5 else NOTHING


def _switch_tag(count: int) -> Callable[[Span], Inside]:
    """A tag of `count` octets between the addresses and the type."""
    return lambda span: (span.inside(_of_type(span.number(12 + count, 2)), 14 + count),)


_ERF_INSIDE: Final = {2: ETHERNET_FRAME, 11: ETHERNET_FRAME, 16: ETHERNET_FRAME, 22: PACKET_4, 23: PACKET_6}


def _erf(span: Span) -> Inside:
    kind = span.number(8, 1)
    key = _ERF_INSIDE.get(kind & 0x7F)
    at, more = 16, kind & 0x80
    while more:
        more = span.number(at, 1) & 0x80
        at += 8
    if key is None:
        return NOTHING
    return (span.inside(key, at + 2 if key == ETHERNET_FRAME else at),)


def _ipnet(span: Span) -> Inside:
    return _of_family(span, span.number(1, 1), 24)


def _pktap(span: Span) -> Inside:
    if span.number(4, 4, "little") != 1:
        return NOTHING
    return (span.inside(LINK_TYPE + _link_type_of(span.number(8, 4, "little")), span.number(0, 4, "little")),)


def _ppi(span: Span) -> Inside:
    return (span.inside(LINK_TYPE + _link_type_of(span.number(4, 4, "little")), span.number(2, 2, "little")),)


def _link_type_of(number: int) -> int:
    """The link types 0 to 255 are all that a header inside a frame names."""
    return number if number < 0x10000 else 0xFFFF


_JUNIPER_PAYLOADS: Final = {
    2: PACKET_4,
    3: PACKET_4,
    4: MPLS,
    5: MPLS,
    6: PACKET_6,
    7: PACKET_6,
    8: MPLS,
    32: MPLS,
    200: PPP,
    203: LLC,
    204: ETHERNET_FRAME,
    207: LINK_TYPE + 107,
    208: LINK_TYPE + 104,
}


def _juniper(link: int) -> Callable[[Span], Inside]:
    """`link`: what follows where the link layer was captured too."""

    def read(span: Span) -> Inside:
        if span.number(0, 3) != 0x4D4743:
            return NOTHING
        flags = span.number(3, 1)
        at = 6 + span.number(4, 2) if flags & 0x80 else 4
        if flags & 2:
            key = _JUNIPER_PAYLOADS.get(span.number(at, 4, "little"))
            return NOTHING if key is None else (span.inside(key, at + 4),)
        return (span.inside(link, at),) if link else NOTHING

    return read


# IEEE 802.11.


def _wireless(span: Span, alignment: int = 1) -> Inside:
    control, flags = span.number(0, 1), span.number(1, 1)
    if control & 0x0C != 0x08 or control & 0x40:
        return NOTHING
    at = 30 if flags & 3 == 3 else 24
    aggregated = False
    if control & 0x80:
        aggregated = bool(span.number(at, 1) & 0x80)
        at += 6 if flags & 0x80 else 2
    at += -at % alignment
    if flags & 0x40:
        return (span.inside(ENCRYPTED_WIRELESS, at),)
    if flags & 4 or (span.number(22, 1) & 0x0F and span.number(at, 3) != 0xAAAA03):
        return (span.inside(WIRELESS_FRAGMENT, at),)
    if not aggregated:
        return (span.inside(LLC, at),)
    found: list[Span] = []
    while at + 14 <= span.length:
        try:
            length = span.number(at + 12, 2)
            found.append(span.inside(LLC, at + 14, length))
        except CutError:
            break
        at += 14 + length
        at += -(at - found[0].at + span.at + 14) % 4
    return found


def _wireless_facts(span: Span) -> tuple[str, ...]:
    facts = [
        say(
            "{transmitter} → {receiver}",
            transmitter=_address(span, 10),
            receiver=_address(span, 4),
        )
    ]
    if span.number(0, 1) & 0x80:
        at = 30 if span.number(1, 1) & 3 == 3 else 24
        if span.number(at, 1) & 0x80:
            facts.append(say("several packets in one frame (A-MSDU)"))
    return tuple(facts)


def _padded_wireless(span: Span) -> Inside:
    return _wireless(span, 4)


def _radiotap(span: Span) -> Inside:
    from dpkt import dpkt, radiotap

    length = span.number(2, 2, "little")
    if length > span.end - span.at:
        raise CutError
    # The header alone is given to dpkt; an IEEE 802.11 frame of most kinds is more than it reads.
    try:
        header = radiotap.Radiotap(span.block[span.at : span.at + length])
        flags = header.flags.val if header.flags_present else 0
    except (dpkt.Error, IndexError):
        return NOTHING
    checksum = 4 if flags & 0x10 else 0
    key = PADDED_WIRELESS if flags & 0x20 else WIRELESS
    return (span.inside(key, length, span.length - length - checksum),)


def _prism(span: Span) -> Inside:
    # The same number of link type stands for the header of AVS, which names itself.
    if span.number(0, 4) & 0xFFFFF000 == 0x80211000:
        return _avs(span)
    return (span.inside(WIRELESS, 144),)


def _avs(span: Span) -> Inside:
    return (span.inside(WIRELESS, span.number(4, 4)),)


# What Linux logs of packets.

NETFILTER: Final = 12
LOGGED_PACKET: Final = 0x0400
PACKET_HEADER: Final = 1
PAYLOAD: Final = 9
BRIDGE: Final = 7
"""The family of what a bridge logs, where the type of the frame is told instead."""


def _nflog(span: Span) -> Inside:
    """Attributes behind a header of four octets, in the byte order of the host that captured: little endian, nearly."""
    family, at = span.number(0, 1), 4
    key = _FAMILIES.get(family)
    while at + 4 <= span.length:
        order = "little" if span.number(at, 2, "little") <= span.length - at else "big"
        length = span.number(at, 2, order)
        if length < 4:
            return NOTHING
        kind = span.number(at + 2, 2, order) & 0x7FFF
        if kind == PACKET_HEADER and family == BRIDGE:
            key = _of_type(span.number(at + 4, 2))
        if kind == PAYLOAD:
            return NOTHING if key is None else (span.inside(key, at + 4, length - 4),)
        at += length + 3 & ~3
    return NOTHING


def _netlink(span: Span) -> Inside:
    if span.number(14, 2) != NETFILTER:
        return NOTHING
    found: list[Span] = []
    at = 16
    while at + 16 <= span.length:
        try:
            order = "little" if span.number(at, 4, "little") <= span.length - at else "big"
            length = span.number(at, 4, order)
            if length < 16:
                break
            if span.number(at + 4, 2, order) == LOGGED_PACKET:
                found.append(span.inside(LINK_TYPE + 239, at + 16, length - 16))
        except CutError:
            break
        at += length + 3 & ~3
    return found


# Between link layer and IP.


def _mpls(span: Span) -> Inside:
    at = 0
    while not span.number(at + 2, 1) & 1:
        at += 4
    # The labels do not say what they carry: the first half octet of an IP packet does (RFC 4928 3).
    return _by_version(span, at + 4) or _pseudowire(span, at + 4)


def _pseudowire(span: Span, start: int) -> Inside:
    """An Ethernet frame behind a control word, which begins with four bits of 0 (RFC 4385 3), or else without one.

    Nothing says that it is one, so that it has to hold an IP packet, behind VLAN tags at most, to be believed.
    """
    at = start if span.number(start, 1) >> 4 else start + 4
    type_at = at + 12
    while span.number(type_at, 2) in VLAN_ETHERTYPES:
        type_at += 4
    version = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}.get(span.number(type_at, 2))
    if version is None or span.number(type_at + 2, 1) >> 4 != version:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, at),)


def _mpls_facts(span: Span) -> tuple[str, ...]:
    labels, at = [], 0
    while True:
        labels.append(str(span.number(at, 4) >> 12))
        if span.number(at + 2, 1) & 1:
            return (say("label {labels}", labels=", ".join(labels)),)
        at += 4


def _vlan_facts(span: Span) -> tuple[str, ...]:
    tag = span.number(0, 2)
    return (say("number {number}", number=tag & 0x0FFF), say("priority {number}", number=tag >> 13))


def _backbone_facts(span: Span) -> tuple[str, ...]:
    return (say("service {number}", number=span.number(1, 3)),)


def _macsec(span: Span) -> Inside:
    control = span.number(0, 1)
    if control & 0x0C:
        return NOTHING
    at = 14 if control & 0x20 else 6
    # The short length is that of the secured data, 0 where it is 48 octets or more; 16 octets of check value follow.
    length = span.number(1, 1) & 0x3F or span.length - at - 16
    return (span.inside(_of_type(span.number(at, 2)), at + 2, length - 2),)


def _trill(span: Span) -> Inside:
    return (span.inside(ETHERNET_FRAME, 6 + 4 * (span.number(0, 2) >> 6 & 0x1F)),)


def _metadata(span: Span) -> Inside:
    at = 2 + 4 * span.number(1, 1)
    return (span.inside(_of_type(span.number(at, 2)), at + 2),)


_NSH_INSIDE: Final = {
    1: PACKET_4,
    2: PACKET_6,
    3: ETHERNET_FRAME,
    4: ETHERTYPE + 0x894F,
    5: MPLS,
}
"""RFC 8300 2.2, and the same numbers in VXLAN-GPE."""


def _nsh(span: Span) -> Inside:
    if span.number(0, 1) >> 6:
        return NOTHING
    key = _NSH_INSIDE.get(span.number(3, 1))
    return NOTHING if key is None else (span.inside(key, 4 * (span.number(1, 1) & 0x3F)),)


def _nsh_facts(span: Span) -> tuple[str, ...]:
    return (say("service path {number}", number=span.number(4, 3)),)


# In IP.


def _ip_compression(span: Span) -> Inside:
    import zlib

    following, transform = span.number(0, 1), span.number(2, 2)
    span.number(4, 1)
    # RFC 2394: DEFLATE, alone or agreed upon under a number of its own. The rest is not read.
    if transform != 2 and transform < 256:
        return NOTHING
    try:
        octets = zlib.decompressobj(-15).decompress(span.block[span.at + 4 : span.end], LONGEST)
    except zlib.error:
        return NOTHING
    if following in (4, 41):
        return (span.made(PACKET_4 if following == 4 else PACKET_6, octets),)
    # The packet that would have come without compression, options and extension headers aside.
    head = span.block[span.ip_at : span.ip_at + 40]
    if head[0] >> 4 == 4:
        total = (20 + len(octets)).to_bytes(2, "big")
        head = (
            b"\x45" + head[1:2] + total + head[4:6] + bytes(2) + head[8:9] + bytes((following,)) + head[10:20]
        )
        return (span.made(PACKET_4, head + octets),)
    total = len(octets).to_bytes(2, "big")
    return (span.made(PACKET_6, head[:4] + total + bytes((following,)) + head[7:] + octets),)


def _gre_start(span: Span) -> int:
    flags = span.number(0, 2)
    at = 4
    if flags & 0xC000:
        at += 4
    if flags & 0x2000:
        at += 4
    if flags & 0x1000:
        at += 4
    if flags & 0x0080 and flags & 7 == 1:
        at += 4
    if flags & 0x4000:
        # RFC 1701: source routes, ended by one of family and length 0.
        while span.number(at, 4) & 0xFFFF00FF:
            at += 4 + span.number(at + 3, 1)
        at += 4
    return at


def _gre(span: Span) -> Inside:
    flags, kind = span.number(0, 2), span.number(2, 2)
    if flags & 7 > 1:
        return NOTHING
    at = _gre_start(span)
    if flags & 7:
        # RFC 2637 4.1: there is a key, and the length of what follows stands in it.
        if not flags & 0x2000:
            return NOTHING
        span = span.inside(span.key, 0, at + span.number(4, 2))
    if kind == 0x88BE:
        # ERSPAN has a header of its own from the second version on, which comes with a sequence number.
        return (span.inside(ERSPAN if flags & 0x1000 else ETHERNET_FRAME, at),)
    if kind == 0x6400:
        return (span.inside(ETHERNET_FRAME, at),)
    if kind == 0x883E:
        # WCCP version 2 puts four octets before the packet.
        return _by_version(span, at) or _by_version(span, at + 4)
    if ARUBA[0] <= kind <= ARUBA[1]:
        return (span.inside(WIRELESS, at),)
    return (span.inside(_of_type(kind), at),)


ARUBA: Final = (0x8200, 0x8370)
"""The types under which access points of Aruba send IEEE 802.11 frames."""


def _gre_facts(span: Span) -> tuple[str, ...]:
    flags, kind = span.number(0, 2), span.number(2, 2)
    facts = [say("type 0x{kind}", kind=f"{kind:04x}")]
    if flags & 0x2000:
        at = 8 if flags & 0xC000 else 4
        facts.append(say("key {number}", number=span.number(at + 2 * (flags & 1), 4 - 2 * (flags & 1))))
    return tuple(facts)


def _erspan(span: Span) -> Inside:
    version = span.number(0, 1) >> 4
    if version == 1:
        return (span.inside(ETHERNET_FRAME, 8),)
    return _erspan_3(span) if version == 2 else NOTHING


def _erspan_3(span: Span) -> Inside:
    if span.number(0, 1) >> 4 != 2:
        return NOTHING
    last = span.number(10, 2)
    at = 20 if last & 1 else 12
    kind = last >> 10 & 0x1F
    if kind == 0:
        return (span.inside(ETHERNET_FRAME, at),)
    return _by_version(span, at) if kind == 2 else NOTHING


def _erspan_facts(span: Span) -> tuple[str, ...]:
    return (say("session {number}", number=span.number(2, 2) & 0x3FF),)


# In UDP.


def _udp(span: Span) -> Inside:
    length = span.number(4, 2)
    for at in (2, 0):
        key = UDP_PORT + span.number(at, 2)
        if key in ENCAPSULATIONS:
            return (span.inside(key, 8, length - 8 if length >= 8 else None),)
    return NOTHING


def _udp_facts(span: Span) -> tuple[str, ...]:
    return (
        say("port {source} → port {destination}", source=span.number(0, 2), destination=span.number(2, 2)),
    )


def _ayiya(span: Span) -> Inside:
    # An identity and a signature, each as long as the header says, and then what is forwarded (operation 1).
    if span.number(2, 1) & 0x0F != 1:
        return NOTHING
    key = {4: PACKET_4, 41: PACKET_6}.get(span.number(3, 1))
    at = 8 + (1 << (span.number(0, 1) >> 4)) + 4 * (span.number(1, 1) >> 4)
    return NOTHING if key is None else (span.inside(key, at),)


def _vxlan(span: Span) -> Inside:
    # RFC 7348 5: flag I tells whether the network's number is valid; there is a frame either way.
    return (span.inside(ETHERNET_FRAME, 8),)


def _vxlan_gpe(span: Span) -> Inside:
    flags = span.number(0, 1)
    if flags & 0x30 or not flags & 0x0C:
        return NOTHING
    key = _NSH_INSIDE.get(span.number(3, 1)) if flags & 4 else ETHERNET_FRAME
    return NOTHING if key is None else (span.inside(key, 8),)


def _network_facts(span: Span) -> tuple[str, ...]:
    return (say("network {number}", number=span.number(4, 3)),)


def _geneve(span: Span) -> Inside:
    first = span.number(0, 1)
    # RFC 8926 3.4: version 0; what is reserved is ignored.
    if first >> 6:
        return NOTHING
    return (span.inside(_of_type(span.number(2, 2)), 8 + 4 * (first & 0x3F)),)


def _gtp(span: Span) -> Inside:
    flags = span.number(0, 1)
    # 3GPP TS 29.281 5.1: version 1, GTP and not GTP', and a packet of the user.
    if flags & 0xF0 != 0x30 or span.number(1, 1) != 0xFF:
        return NOTHING
    inside = span.inside(span.key, 8, span.number(2, 2))
    at = 0
    if flags & 7:
        following = inside.number(3, 1) if flags & 4 else 0
        at = 4
        while following:
            count = 4 * inside.number(at, 1)
            if count == 0:
                return NOTHING
            following = inside.number(at + count - 1, 1)
            at += count
    return tuple(
        span.inside(packet.key, 8 + at, span.number(2, 2) - at) for packet in _by_version(inside, at)
    )


def _gtp_facts(span: Span) -> tuple[str, ...]:
    return (say("tunnel 0x{number}", number=f"{span.number(4, 4):08x}"),)


def _teredo(span: Span) -> Inside:
    at = 0
    # RFC 4380 5.1.1: an authentication header and then an origin may come first.
    if span.number(at, 2) == 1:
        at += 13 + span.number(at + 2, 1) + span.number(at + 3, 1)
    if span.number(at, 2) == 0:
        at += 8
    if span.number(at, 1) >> 4 != 6 or span.number(at + 4, 2) + 40 > span.length - at:
        return NOTHING
    return (span.inside(PACKET_6, at),)


def _l2tp(span: Span) -> Inside:
    flags = span.number(0, 2)
    # RFC 2661 3.1: a data message, version 2.
    if flags & 0x8000 or flags & 0x000F != 2:
        return NOTHING
    at = 2
    length = None
    if flags & 0x4000:
        length = span.number(2, 2)
        at += 2
    at += 4
    if flags & 0x0800:
        at += 4
    if flags & 0x0200:
        at += 2 + span.number(at, 2)
    return (span.inside(PPP, at, None if length is None else length - at),)


def _l2tp_facts(span: Span) -> tuple[str, ...]:
    at = 4 if span.number(0, 2) & 0x4000 else 2
    return (
        say("tunnel {number}", number=span.number(at, 2)),
        say("session {number}", number=span.number(at + 2, 2)),
    )


def _lisp(span: Span) -> Inside:
    return _by_version(span, 8)


def _capwap(span: Span) -> Inside:
    first = span.number(0, 4)
    # RFC 5415 4.3: version 0, not encrypted, and not in fragments.
    if first >> 24 or first & 0x80:
        return NOTHING
    at = 4 * (first >> 19 & 0x1F)
    if not first & 0x100:
        return (span.inside(ETHERNET_FRAME, at),)
    if first >> 9 & 0x1F != 1:
        return NOTHING
    inside = span.inside(WIRELESS, at)
    if not inside.number(0, 1) & 3:
        return (inside,)
    # The version of IEEE 802.11 is 0, so this is the frame control of access points that send it swapped.
    octets = inside.block[inside.at : inside.end]
    return (span.made(WIRELESS, octets[1::-1] + octets[2:]),)


def _tzsp(span: Span) -> Inside:
    if span.number(0, 1) != 1 or span.number(1, 1) not in (0, 2):
        return NOTHING
    key = {1: ETHERNET_FRAME, 0x12: WIRELESS}.get(span.number(2, 2))
    at = 4
    while span.number(at, 1) != 1:
        at += 2 + span.number(at + 1, 1) if span.number(at, 1) else 1
    return NOTHING if key is None else (span.inside(key, at + 1),)


_SAMPLED: Final = {1: ETHERNET_FRAME, 4: LINK_TYPE + 107, 7: PPP, 11: PACKET_4, 12: PACKET_6, 13: MPLS}
"""The protocols of a sampled header that are read (sFlow version 5, 5.3)."""


def _sflow(span: Span) -> Inside:
    if span.number(0, 4) != 5:
        return NOTHING
    at = 24 if span.number(4, 4) == 1 else 36
    found: list[Span] = []
    for _ in range(min(span.number(at, 4), 64)):
        kind, length = span.number(at + 4, 4), span.number(at + 8, 4)
        # A flow sample, and its expanded form.
        if kind in (1, 3):
            found += _sampled(span.inside(span.key, at + 12, length), 32 if kind == 1 else 44)
        at += 8 + length
    return found


def _sampled(sample: Span, at: int) -> Iterable[Span]:
    sample = sample.inside(sample.key, at - 4)
    at = 4
    for _ in range(min(sample.number(0, 4), 64)):
        kind, length = sample.number(at, 4), sample.number(at + 4, 4)
        key = _SAMPLED.get(sample.number(at + 8, 4)) if kind == 1 else None
        if key is not None:
            captured = sample.inside(key, at + 24, sample.number(at + 20, 4))
            yield captured._replace(wire_end=captured.at + max(sample.number(at + 12, 4), captured.length))
        at += 8 + length


def _address(span: Span, start: int) -> str:
    at = span.at + start
    return span.block[at : at + 6].hex(":")


def _rows() -> dict[int, Encapsulation]:
    rows: dict[int, Encapsulation] = {}

    def add(
        keys: int | Iterable[int],
        read: Callable[[Span], Inside],
        source: str,
        facts: Callable[[Span], tuple[str, ...]] = _nothing_told,
    ) -> None:
        for key in (keys,) if isinstance(keys, int) else keys:
            assert key not in rows
            rows[key] = Encapsulation(read, facts, source)

    link = LINK_TYPE
    add(LLC, _llc, "IEEE 802.2, RFC 1042")
    add((link + 3,), _ax25, "AX.25 2.2")
    add(link + 202, _directed(_ax25), "AX.25 2.2")
    add(link + 6, _token_ring, "IEEE 802.5")
    add(link + 7, _arcnet(2), "RFC 1051, RFC 1201")
    add(link + 129, _arcnet(4), "RFC 1051, RFC 1201")
    add(link + 8, _after(16, LINK_TYPE + RAW), "RFC 1055")
    add((link + 9, link + 50), _serial, "RFC 1661, RFC 1662")
    add(PPP, _ppp, "RFC 1661")
    add(link + 166, _pppd, "RFC 1661")
    add(link + 204, _directed(_serial), "RFC 1661")
    add(PPP_PROTOCOL + 0x0031, _ppp_bridging, "RFC 3518")
    add((link + 51, ETHERTYPE + 0x8864), _pppoe, "RFC 2516", _pppoe_facts)
    add(link + 10, _after(13, LLC), "ISO 9314-2")
    add((link + 11, link + 100), _atm, "RFC 2684")
    add(link + 123, _sun_atm, "RFC 2684")
    add(link + 104, _cisco_hdlc, "RFC 1547 4.3.1")
    add(link + 205, _directed(_cisco_hdlc), "RFC 1547 4.3.1")
    add((link + 107, ETHERTYPE + 0x6559), _frame_relay, "RFC 2427")
    add(link + 206, _directed(_frame_relay), "RFC 2427")
    add(link + 109, _openbsd_encapsulation, "OpenBSD enc(4)")
    add(link + 117, _pf_log, "OpenBSD pflog(4)")
    add(link + 122, _after(16, LLC), "RFC 2625")
    add(link + 143, _docsis, "DOCSIS 1.1")
    add(link + 192, _ppi, "CACE PPI 1.0")
    add(link + 197, _erf, "Endace ERF")
    add(link + 219, _mpls, "RFC 3032", _mpls_facts)
    add(link + 226, _ipnet, "Solaris ipnet(7D)")
    add(link + 258, _pktap, "Darwin bsd/net/pktap.h")
    add(link + 259, _after(8, ETHERNET_FRAME), "IEEE 802.3ah")
    add(link + 274, _mpacket, "IEEE 802.3br")
    add((link + 281, link + 283), _switch_tag(4), "Linux Documentation/networking/dsa")
    add(link + 282, _after(4, ETHERNET_FRAME), "Linux Documentation/networking/dsa")
    add(link + 284, _switch_tag(8), "Linux Documentation/networking/dsa")
    juniper = {178: ETHERNET_FRAME, 179: PPP, 180: link + 107, 181: link + 104}
    for number in (*range(130, 138), *range(178, 182), 183, 194, 200):
        add(link + number, _juniper(juniper.get(number, 0)), "Juniper")
    add(WIRELESS, _wireless, "IEEE 802.11", _wireless_facts)
    add(PADDED_WIRELESS, _padded_wireless, "IEEE 802.11", _wireless_facts)
    add(link + 127, _radiotap, "radiotap.org")
    add(link + 119, _prism, "linux-wlan-ng")
    add(link + 163, _avs, "AVS capture header 2.1")
    add(link + 239, _nflog, "Linux nfnetlink_log.h")
    add(link + 242, _typed(40, 44), "RFC 4391")
    add(link + 253, _netlink, "Linux netlink(7)")

    add((MPLS, ETHERTYPE + 0x8848, PROTOCOL + 137), _mpls, "RFC 3032, RFC 4023", _mpls_facts)
    add((ETHERTYPE + kind for kind in VLAN_ETHERTYPES), _typed(2, 4), "IEEE 802.1Q", _vlan_facts)
    add(ETHERTYPE + 0x88E7, _after(4, ETHERNET_FRAME), "IEEE 802.1ah", _backbone_facts)
    add(ETHERTYPE + 0x6558, _after(0, ETHERNET_FRAME), "RFC 1701")
    add(ETHERTYPE + 0x880B, _ppp, "RFC 7637, RFC 2637")
    add(ETHERTYPE + 0x8870, _llc, "IEEE 802.2")
    add(ETHERTYPE + 0x88E5, _macsec, "IEEE 802.1AE")
    add(ETHERTYPE + 0x22F3, _trill, "RFC 6325")
    add(ETHERTYPE + 0x8903, _after(2, ETHERNET_FRAME), "Cisco FabricPath")
    add(ETHERTYPE + 0x8909, _metadata, "Cisco TrustSec")
    add(ETHERTYPE + 0x8926, _typed(4, 6), "Cisco VN-Tag")
    add(ETHERTYPE + 0x892F, _typed(4, 6), "IEC 62439-3")
    add(ETHERTYPE + 0x893F, _typed(6, 8), "IEEE 802.1BR")
    add(ETHERTYPE + 0xF1C1, _typed(4, 6), "IEEE 802.1CB")
    add(ETHERTYPE + 0x894F, _nsh, "RFC 8300", _nsh_facts)

    add(PROTOCOL + 4, _after(0, PACKET_4), "RFC 2003")
    add(PROTOCOL + 41, _after(0, PACKET_6), "RFC 4213")
    add(PROTOCOL + 47, _gre, "RFC 2784, RFC 2890", _gre_facts)
    add(PROTOCOL + 97, _after(2, ETHERNET_FRAME), "RFC 3378")
    add(PROTOCOL + 143, _after(0, ETHERNET_FRAME), "RFC 8986")
    add(PROTOCOL + 108, _ip_compression, "RFC 3173, RFC 2394")
    add(ERSPAN, _erspan, "draft-foschiano-erspan", _erspan_facts)
    add(ETHERTYPE + 0x22EB, _erspan_3, "draft-foschiano-erspan", _erspan_facts)

    add(PROTOCOL + 17, _udp, "RFC 768", _udp_facts)
    add(UDP_PORT + 1701, _l2tp, "RFC 2661", _l2tp_facts)
    add(UDP_PORT + 2152, _gtp, "3GPP TS 29.281", _gtp_facts)
    add(UDP_PORT + 3544, _teredo, "RFC 4380")
    add(UDP_PORT + 4341, _lisp, "RFC 9300")
    add(UDP_PORT + 4754, _gre, "RFC 8086", _gre_facts)
    add(UDP_PORT + 4789, _vxlan, "RFC 7348", _network_facts)
    add(UDP_PORT + 4790, _vxlan_gpe, "draft-ietf-nvo3-vxlan-gpe", _network_facts)
    add(UDP_PORT + 5072, _ayiya, "draft-massar-v6ops-ayiya")
    add(UDP_PORT + 5247, _capwap, "RFC 5415")
    add(UDP_PORT + 6081, _geneve, "RFC 8926", _network_facts)
    add(UDP_PORT + 6343, _sflow, "sFlow version 5")
    add(UDP_PORT + 6635, _mpls, "RFC 7510", _mpls_facts)
    add(UDP_PORT + 37008, _tzsp, "TZSP 1.0")
    return rows


ENCAPSULATIONS: Final = _rows()
"""Code of `skips.py` -> how what it names is read."""
