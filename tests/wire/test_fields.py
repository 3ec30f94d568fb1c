"""The table of the header against the header: no bit twice, none left out, and the decoder agrees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.fields import FLAGS, TCP_FIELDS
from analyzer.wire.header import Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import SEGMENT

IPV4 = bytes.fromhex("4500002800000000400600007f0000017f000001")


def test_the_fields_cover_the_fixed_header_once() -> None:
    bits = [8 * field.offset + field.bit + place for field in TCP_FIELDS for place in range(field.width)]
    assert bits == list(range(160))


def test_the_flags_cover_their_field_once() -> None:
    assert [flag.bit for flag in FLAGS] == [1 << place for place in range(8, -1, -1)]


@given(st.binary(min_size=20, max_size=20))
def test_the_table_reads_what_the_decoder_reads(raw: bytes) -> None:
    raw = raw[:12] + bytes([0x50 | raw[12] & 0x0F]) + raw[13:]
    header = Header()
    assert header.decode(IPV4 + raw, 0, 40, 40, RAW) == SEGMENT
    read = {field.name: field.read(raw) for field in TCP_FIELDS}
    assert read["source port"] == header.source_port
    assert read["destination port"] == header.destination_port
    assert read["sequence number"] == header.seq
    assert read["acknowledgement number"] == header.ack
    assert read["data offset"] == 5
    assert read["reserved"] == raw[12] >> 1 & 7
    assert read["flags"] == header.flags
    assert read["window"] == header.window
    assert read["checksum"] == header.checksum


@given(st.binary(max_size=19))
def test_what_was_cut_off_has_no_value(raw: bytes) -> None:
    for field in TCP_FIELDS:
        assert (field.read(raw) is None) == (field.offset + field.size > len(raw))
