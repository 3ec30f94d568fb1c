"""Every way of wrapping that is read, against the segment that was wrapped, and against tshark."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.encapsulations import ENCAPSULATIONS, CutError, Span
from analyzer.wire.skips import FRAGMENT, SEGMENT, skip_name
from tests.capture.builders import enhanced, interface, section
from tests.wire.test_header import assert_is_the_segment
from tests.wire.unwrapping import unwrapped
from tests.wire.wrappings import WRAPPED


@pytest.mark.parametrize("name", WRAPPED)
def test_the_segment_is_found(name: str) -> None:
    link_type, frame, version, _ = WRAPPED[name]
    code, header, _ = unwrapped(frame, link_type)
    assert code == SEGMENT, skip_name(code)
    assert_is_the_segment(header, version)


@pytest.mark.slow
def test_tshark_finds_the_same(tshark: str, tmp_path: Path) -> None:
    common = {name: wrapped for name, wrapped in WRAPPED.items() if wrapped.tshark}
    links = sorted({wrapped.link_type for wrapped in common.values()})
    capture = tmp_path / "wrapped.pcapng"
    capture.write_bytes(
        section()
        + b"".join(interface(link) for link in links)
        + b"".join(enhanced(each.frame, number=links.index(each.link_type)) for each in common.values())
    )
    fields = ("ip.src", "ipv6.src", "tcp.srcport", "tcp.dstport", "tcp.seq_raw")
    command = [tshark, "-n", "-r", str(capture), "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(common)
    for (name, wrapped), line in zip(common.items(), lines, strict=True):
        ip4, ip6, *numbers = line.split("\t")
        assert numbers == ["40000", "80", str(2**32 - 1)], name
        innermost = (ip4 if wrapped.version == 4 else ip6).split(",")[-1]
        assert innermost == ("192.0.2.1" if wrapped.version == 4 else "2001:db8::1"), name


@pytest.mark.parametrize("name", WRAPPED)
def test_cut_at_every_byte(name: str) -> None:
    link_type, frame, _, _ = WRAPPED[name]
    for length in range(len(frame)):
        for original in (length, len(frame)):
            code, header, _ = unwrapped(frame[:length], link_type, original)
            if code == SEGMENT:
                assert 0 <= header.payload_captured <= header.payload_length <= len(frame)
            else:
                assert skip_name(code)


@given(
    st.sampled_from(sorted(WRAPPED)),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_frames(name: str, damage: list[tuple[int, int]]) -> None:
    link_type, whole, _, _ = WRAPPED[name]
    data = bytearray(whole)
    for position, value in damage:
        data[position % len(data)] = value
    code, header, unwrapper = unwrapped(bytes(data), link_type)
    while code == SEGMENT:
        assert 0 <= header.payload_captured <= header.payload_length
        code = int(unwrapper.more(header))
    assert skip_name(code)


@given(st.sampled_from(sorted(ENCAPSULATIONS)), st.binary(max_size=120), st.integers(0, 40))
def test_any_bytes_in_any_layer(key: int, data: bytes, missing: int) -> None:
    span = Span(key, data, 0, len(data), len(data) + missing, 0)
    row = ENCAPSULATIONS[key]
    # Compressed bytes need the IP header they came behind.
    if len(data) < 40:
        return
    try:
        inside = row.read(span)
    except CutError:
        return
    for each in inside:
        assert each.at >= 0
        assert each.end <= min(len(each.block), each.wire_end)
    if inside:
        assert all(row.facts(span))


def test_a_row_names_where_it_is_defined() -> None:
    assert all(row.source for row in ENCAPSULATIONS.values())
    assert FRAGMENT not in ENCAPSULATIONS
