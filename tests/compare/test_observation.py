"""What is kept of a segment to compare it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.compare.observation import content_of, joined_content, options_by_kind, timestamps_of
from tests.compare.builders import SYNS, seen
from tests.tcp.transcript import World


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_content_does_not_depend_on_where_bytes_are_cut(pieces: list[bytes]) -> None:
    one = seen("> P. 1:2(1) ack 1").segments[0]
    cut = [one._replace(length=len(piece), content=content_of(piece)) for piece in pieces]
    assert joined_content(cut) == content_of(b"".join(pieces))


def test_swapped_bytes_are_another_content() -> None:
    assert content_of(b"ab" + bytes(61)) != content_of(b"ba" + bytes(61))
    assert content_of(b"a" + bytes(60) + b"b") != content_of(b"b" + bytes(60) + b"a")


def test_a_payload_that_was_cut_has_no_content() -> None:
    one = seen("> P. 1:101(100) ack 1 cut 10").segments[0]
    assert (one.length, one.content) == (100, None)
    assert joined_content([one]) is None


def test_the_fields_of_both_ip_versions() -> None:
    four = seen("> P. 1:3(2) ack 1 win 99 id 7").segments[0]
    assert (four.hops, four.traffic_class, four.identification, four.window) == (64, 0, 7, 99)
    assert (four.from_client, four.flags, four.length, four.payload) == (True, 0x18, 2, four.payload[:2])
    six = seen("> . 1:1(0) ack 1", World(1, 2, first="2001:db8::1", second="2001:db8::2")).segments[0]
    assert (six.hops, six.traffic_class, six.identification) == (64, 0, 0)


def test_each_observation_has_its_own_options_and_payload() -> None:
    lines = "> S 0:0(0) <mss 1460>\n< S. 0:0(0) ack 1\n> P. 1:4(3) ack 1 <nop,nop>\n< . 1:1(0) ack 4 <nop>"
    found = seen(lines).segments
    assert [one.options[:2] for one in found] == [b"\x02\x04", b"", b"\x01\x01", b"\x01\x00"]
    assert [len(one.payload) for one in found] == [0, 0, 3, 0]
    assert [one.from_client for one in found] == [True, False, True, False]
    assert [one.seq for one in found][2:] == [(found[0].seq + 1) % 2**32, (found[1].seq + 1) % 2**32]


def test_options() -> None:
    syn, _, ack = seen(SYNS).segments
    assert options_by_kind(syn.options) == {
        2: (1460).to_bytes(2, "big"), 4: b"", 8: (100).to_bytes(4, "big") + bytes(4), 3: b"\x07",
    }  # fmt: skip
    assert timestamps_of(syn) == (100, 0)
    assert timestamps_of(ack) is None


def test_faulty_options_end_the_list() -> None:
    assert options_by_kind(b"\x01\x04\x02\x08\x01\x02\x04\x00\x00") == {4: b""}
    assert options_by_kind(b"\x04\x02\x08") == {4: b""}
    assert options_by_kind(b"\x04\x02\x00\x03\x03\x07") == {4: b""}
    assert timestamps_of(seen("> . 1:1(0) ack 1 <hex 08040000>").segments[0]) is None
