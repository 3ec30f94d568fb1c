"""IEEE 802.11 data frames, and what of them is no packet."""

from __future__ import annotations

import struct

import pytest

from analyzer.wire.encapsulations.encapsulation import WIRELESS
from analyzer.wire.encapsulations.span import CutError, Span
from analyzer.wire.encapsulations.wireless import ROWS
from analyzer.wire.skips import ENCRYPTED_WIRELESS, LINK_TYPE, LLC, PADDED_WIRELESS, WIRELESS_FRAGMENT
from tests.wire.unwrapping import inside, untried
from tests.wire.wrappings import radiotap, snap, wireless

BODY = snap(0x0800, bytes(40))
RADIOTAP = LINK_TYPE + 127


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize(
    ("frame", "key_inside", "at"),
    [
        (wireless(BODY), LLC, 24),
        (wireless(BODY, flags=3, more=bytes(6)), LLC, 30),
        (wireless(BODY, 0x88, 1, bytes(2)), LLC, 26),
        (wireless(BODY, flags=0x41), ENCRYPTED_WIRELESS, 24),
        (wireless(BODY, flags=5), WIRELESS_FRAGMENT, 24),
    ],
    ids=str,
)
def test_where_the_body_begins(frame: bytes, key_inside: int, at: int) -> None:
    (found,) = inside(WIRELESS, frame)
    assert (found.key, found.at) == (key_inside, at)


@pytest.mark.parametrize("control", [0x80, 0xB4, 0x48], ids=["beacon", "RTS", "no data"])
def test_frames_without_data(control: int) -> None:
    assert inside(WIRELESS, wireless(BODY, control)) == ()


def test_packets_side_by_side() -> None:
    packets = b"".join(
        bytes(12) + struct.pack("!H", size) + bytes(size + -(14 + size) % 4) for size in (33, 20)
    )
    found = inside(WIRELESS, wireless(packets, 0x88, 1, b"\x80\0"))
    assert [(span.at, span.length) for span in found] == [(40, 33), (40 + 33 + 1 + 14, 20)]


def test_the_packets_of_a_frame_that_was_cut() -> None:
    whole = wireless(2 * (bytes(12) + struct.pack("!H", 38) + bytes(38)), 0x88, 1, b"\x80\0")
    assert len(inside(WIRELESS, whole)) == 2
    cut = Span(WIRELESS, whole[:84], 0, 84, len(whole), 0)
    assert len(ROWS[0].read(cut)) == 1


@pytest.mark.parametrize(
    ("flags", "key_inside", "rest"), [(0, WIRELESS, 0), (0x10, WIRELESS, 4), (0x20, PADDED_WIRELESS, 0)]
)
def test_radiotap_tells_of_checksum_and_padding(flags: int, key_inside: int, rest: int) -> None:
    (found,) = inside(RADIOTAP, radiotap(wireless(BODY), flags))
    assert (found.key, found.length) == (key_inside, len(wireless(BODY)) - rest)


def test_a_radiotap_header_without_the_fields_that_it_promises() -> None:
    assert inside(RADIOTAP, struct.pack("<BBHI", 0, 0, 8, 3) + wireless(BODY)) == ()


def test_a_radiotap_header_longer_than_its_frame() -> None:
    with pytest.raises(CutError):
        inside(RADIOTAP, struct.pack("<BBHI", 0, 0, 200, 2) + wireless(BODY))


def test_who_sends_to_whom() -> None:
    frame = wireless(BODY, 0x88, 1, b"\x80\0")
    facts = ROWS[0].facts(Span(WIRELESS, frame, 0, len(frame), len(frame), 0))
    assert facts == (
        f"{frame[10:16].hex(':')} → {frame[4:10].hex(':')}",
        "several packets in one frame (A-MSDU)",
    )
