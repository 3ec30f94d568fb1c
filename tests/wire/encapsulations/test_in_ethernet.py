"""Labels, tags and bridges: where each ends, and what it says that is not followed."""

from __future__ import annotations

import pytest

from analyzer.wire.encapsulations.encapsulation import ETHERNET_FRAME, MPLS, PACKET_4, PACKET_6
from analyzer.wire.encapsulations.in_ethernet import ROWS
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.skips import ETHERTYPE, LLC
from tests.wire.frames import PACKET_4 as PACKET
from tests.wire.unwrapping import inside, untried
from tests.wire.wrappings import FRAME_4, FRAME_6, LABELS

MACSEC, METADATA, NSH, TRILL = (ETHERTYPE + kind for kind in (0x88E5, 0x8909, 0x894F, 0x22F3))


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize(
    ("behind", "key_inside", "at"),
    [
        (b"\x45", PACKET_4, 8),
        (b"\x60", PACKET_6, 8),
        (bytes(4) + FRAME_4, ETHERNET_FRAME, 12),
        (b"\xfe" + FRAME_6[1:], ETHERNET_FRAME, 8),
    ],
    ids=["IPv4", "IPv6", "control word", "no control word"],
)
def test_what_lies_behind_labels_is_seen_by_its_first_bytes(behind: bytes, key_inside: int, at: int) -> None:
    (found,) = inside(MPLS, LABELS + behind)
    assert (found.key, found.at) == (key_inside, at)


@pytest.mark.parametrize(
    ("data", "length"), [(b"\0\x14" + bytes(4), 18), (b"\x20\0" + bytes(12), 58), (b"\0\0" + bytes(4), 58)]
)
def test_what_macsec_secures_ends_before_its_check_value(data: bytes, length: int) -> None:
    (found,) = inside(MACSEC, data + b"\x88\xb5" + bytes(58 + 16))
    assert (found.key, found.at, found.length) == (ETHERTYPE + 0x88B5, len(data) + 2, length)


def test_headers_that_tell_their_length() -> None:
    (found,) = inside(TRILL, b"\0\x82\0\2\0\3" + bytes(8) + FRAME_4)
    assert found.at == 14
    (found,) = inside(METADATA, b"\1\2" + bytes(8) + b"\0\x2e" + bytes(46))
    assert (found.key, found.at) == (LLC, 12)
    (found,) = inside(NSH, b"\x0f\xc6\2\2" + bytes(20) + PACKET)
    assert (found.key, found.at) == (PACKET_6, 24)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param(MPLS, LABELS + b"\x90" * 40, id="neither IP nor Ethernet"),
        pytest.param(
            MPLS, LABELS + bytes(4) + FRAME_4[:14] + b"\x60" + bytes(20), id="a type that is belied"
        ),
        pytest.param(MACSEC, b"\x2c\0" + bytes(60), id="encrypted"),
        pytest.param(NSH, b"\x4f\xc2\2\1" + bytes(40), id="another version"),
        pytest.param(NSH, b"\x0f\xc2\2\6" + bytes(40), id="another protocol"),
    ],
)
def test_nothing_is_guessed(key: int, data: bytes) -> None:
    assert inside(key, data) == ()


@pytest.mark.parametrize(
    ("key", "data", "facts"),
    [
        (MPLS, LABELS, ("label 100, 200",)),
        (ETHERTYPE + 0x8100, b"\xb0\xc8", ("ID 200", "priority 5")),
        (ETHERTYPE + 0x88E7, b"\0\0\0\5", ("service 5",)),
        (NSH, b"\x0f\xc2\2\1\0\0\1\xff", ("service path 1",)),
    ],
)
def test_what_is_told(key: int, data: bytes, facts: tuple[str, ...]) -> None:
    (row,) = (row for row in ROWS if key in row.keys)
    assert row.facts(Span(key, data, 0, len(data), len(data), 0)) == facts
