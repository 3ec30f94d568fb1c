from __future__ import annotations

from analyzer.wire.encapsulations.encapsulation import (
    ETHERNET_FRAME,
    PACKET_4,
    PACKET_6,
    Encapsulation,
    after,
    by_version,
    of_type,
    typed,
)
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.skips import ETHERTYPE, LLC

SPAN = Span(ETHERTYPE + 0x88B5, b"\x45\x60\x08\x06\x05\xdc\0\0", 0, 8, 8, 0)


def test_the_first_half_byte_tells_the_version() -> None:
    assert [(span.key, span.at) for start in range(3) for span in by_version(SPAN, start)] == [
        (PACKET_4, 0),
        (PACKET_6, 1),
    ]


def test_a_length_may_stand_where_a_type_does() -> None:
    assert of_type(1500) == LLC
    assert of_type(1501) == ETHERTYPE + 1501


def test_headers_of_one_length() -> None:
    (fixed,) = after(6, ETHERNET_FRAME)(SPAN)
    assert (fixed.key, fixed.at) == (ETHERNET_FRAME, 6)
    (by_type,) = typed(2, 6)(SPAN)
    assert (by_type.key, by_type.at) == (ETHERTYPE + 0x0806, 6)
    (by_length,) = typed(4, 6)(SPAN)
    assert by_length.key == LLC


def test_a_row_may_have_nothing_to_tell() -> None:
    assert Encapsulation((LLC,), after(3, PACKET_4), "IEEE 802.2").facts(SPAN) == ()
