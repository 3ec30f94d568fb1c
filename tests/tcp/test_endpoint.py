from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.endpoint import CAPTURED_TWICE_NS, DELAYS_KEPT, HOLES_KEPT, Endpoint, fingerprint_of
from analyzer.tcp.sequence import advance, difference
from analyzer.wire.header import ACK, FIN, Header

PIECES = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 30)), max_size=30)


@given(pieces=PIECES, start=st.sampled_from([0, 1000, 2**31 - 60, 2**32 - 60, 2**32 - 1]))
def test_bytes_are_counted_once(pieces: list[tuple[int, int]], start: int) -> None:
    endpoint = Endpoint()
    seen: set[int] = set()
    for place, length in pieces:
        data = set(range(place, place + length))
        assert endpoint.take_payload(advance(start, place), length) == len(data - seen)
        seen |= data
        assert endpoint.lowest == advance(start, min(seen))
        assert endpoint.highest == advance(start, max(seen) + 1)
        holes = endpoint.disorder_seen().holes or []
        covered = set(range(min(seen), max(seen) + 1)) - seen
        assert sum((end - begin) % 2**32 for begin, end in zip(holes[::2], holes[1::2], strict=True)) == len(
            covered
        )
        assert (endpoint.disorder_seen().holes is None) == (not covered)


NUMBERS = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 2, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1]),
)


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([1, 2, 10, 70_000, 2**30, 2**32 - 1])), max_size=30))
def test_numbers_from_anywhere_never_count_more_than_was_sent(pieces: list[tuple[int, int]]) -> None:
    endpoint = Endpoint()
    for seq, length in pieces:
        assert 0 <= endpoint.take_payload(seq, length) <= length
        if endpoint.highest >= 0:
            assert 0 <= difference(endpoint.highest, endpoint.lowest) <= 2**30


def test_a_transfer_longer_than_the_sequence_numbers() -> None:
    endpoint = Endpoint()
    piece = 1 << 25
    seq = 2**32 - 5
    for number in range(300):
        assert endpoint.take_payload(seq, piece) == piece
        assert endpoint.take_payload(advance(seq, 7), piece - 7) == 0
        if number:
            assert endpoint.take_payload(advance(seq, -piece), 2 * piece) == 0
        seq = advance(seq, piece)


def test_holes_of_a_long_transfer() -> None:
    endpoint = Endpoint()
    piece = 1 << 25
    seq = 2**32 - 5
    for _ in range(300):
        assert endpoint.take_payload(seq, piece) == piece
        seq = advance(seq, 2 * piece)
        assert len(endpoint.disorder_seen().holes or []) <= 2 * (1 << 5)
    assert endpoint.take_payload(advance(seq, -3 * piece), piece) == piece
    assert endpoint.take_payload(advance(seq, -3 * piece), piece) == 0


def test_a_hostile_sender_leaves_no_endless_list_of_holes() -> None:
    endpoint = Endpoint()
    for place in range(0, 10 * HOLES_KEPT, 2):
        assert endpoint.take_payload(advance(2**32 - 5, place), 1) == 1
    assert len(endpoint.disorder_seen().holes or []) == 2 * HOLES_KEPT


def segment(ip_id: int = 0, flags: int = ACK, length: int = 5) -> Header:
    header = Header()
    header.seq, header.ack, header.window, header.checksum = 7, 9, 512, 0xBEEF
    header.ip_id, header.flags, header.payload_length = ip_id, flags, length
    return header


def seen(header: Header) -> Endpoint:
    """An endpoint that has sent this at the time 0."""
    endpoint = Endpoint()
    endpoint.wireshark_ack, endpoint.wireshark_window = header.ack, int(header.window)
    endpoint.remember(header, 3, fingerprint_of(header), 8)
    return endpoint


@pytest.mark.parametrize(
    ("header", "after_ns", "twice"),
    [
        (segment(), CAPTURED_TWICE_NS - 1, True),
        (segment(), CAPTURED_TWICE_NS, False),
        (segment(ip_id=4), CAPTURED_TWICE_NS, True),
        # A duplicate acknowledgement is equal by definition.
        (segment(length=0), 0, False),
        (segment(length=0, ip_id=4), 0, True),
        (segment(length=0, flags=ACK | FIN), 0, True),
    ],
)
def test_the_same_frame_again(header: Header, after_ns: int, twice: bool) -> None:
    endpoint = seen(header)
    assert (endpoint.last_frame, endpoint.last_seq, endpoint.last_labels) == (3, 7, 8)
    assert endpoint.captured_twice(header, fingerprint_of(header), after_ns) == twice


@pytest.mark.parametrize("name", ["seq", "ack", "window", "checksum", "ip_id", "flags", "payload_length"])
def test_another_frame(name: str) -> None:
    endpoint = seen(segment(ip_id=4))
    header = segment(ip_id=4)
    setattr(header, name, int(getattr(header, name)) + 1)
    assert not endpoint.captured_twice(header, fingerprint_of(header), 0)


def test_a_fingerprint_is_not_negative_whatever_the_length() -> None:
    marks = [
        fingerprint_of(segment(0xFFFF, 0x1FF, length)) for length in (0, 0xFFFF, 0x3FFFFF, 0x7FFFFF, 1 << 40)
    ]
    assert all(0 <= mark < 2**63 for mark in marks)
    assert len(set(marks[:3])) == 3


def test_a_hostile_sender_leaves_no_endless_list_of_delays() -> None:
    endpoint = Endpoint()
    for delay in range(10 * DELAYS_KEPT):
        endpoint.add_delay(delay)
    assert endpoint.disorder_seen().retry_delays == list(range(DELAYS_KEPT))
