"""The options one by one: values, faults, and agreement with the parser of record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.option_list import OPTION_NAMES, list_options
from analyzer.wire.options import Options


def told(raw: str, *, complete: bool = True, base: int | None = None) -> list[tuple[str, str, str]]:
    found = list_options(bytes.fromhex(raw), complete=complete, base=base)
    return [(option.name, option.value, option.fault) for option in found]


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        ("0204ffd7", "Maximum Segment Size", "at most 65495 bytes of payload in a segment"),
        ("03030a", "Window Scale", "shift 10: windows are multiplied by 1024"),
        ("0303ff", "Window Scale", "shift 255, which counts as 14: windows are multiplied by 16384"),
        ("0402", "SACK Permitted", "selective acknowledgements are allowed"),
        ("080a0000000100000002", "Timestamps", "value 1, echo 2"),
        ("1c040005", "User Timeout", "5 seconds"),
        ("1c048005", "User Timeout", "5 minutes"),
        ("1e0c0181000000000000000a", "Multipath TCP", "MP_CAPABLE"),
        ("1e04f000", "Multipath TCP", "MP_EXPERIMENTAL"),
        ("1e04a000", "Multipath TCP", "subtype 10"),
        ("2202", "Fast Open Cookie", "requests a cookie"),
        ("220401ff", "Fast Open Cookie", "cookie 01ff"),
        ("fe04f989", "Experiment", "Fast Open with the experimental kind: requests a cookie"),
        ("fe061234abcd", "Experiment", "experiment 0x1234"),
        ("4d021b", "kind 77", ""),
        ("00", "End of Option List", ""),
        ("000000", "End of Option List", "the rest is padding"),
    ],
)
def test_what_an_option_says(raw: str, name: str, value: str) -> None:
    assert told(raw)[0] == (name, value, "")


def test_sack_blocks_are_relative_where_the_base_is_known() -> None:
    raw = "0512" + "0000000500000009" + "fffffff0fffffff8"
    assert told(raw)[0][1] == "received 5–9, 4294967280–4294967288 (absolute)"
    assert told(raw, base=0xFFFFFFF0)[0][1] == "received 21–25, 0–8"


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("0203ff", "this kind of option cannot have a length of 3"),
        ("0502", "this kind of option cannot have a length of 2"),
        ("0800", "a length of 0 is impossible: the options after it cannot be read"),
        ("0101080a00", "its length of 10 runs past the end of the header"),
        ("02", "its length is missing"),
        ("0001", "bytes that are not 0 follow the end"),
    ],
)
def test_what_is_malformed_is_said(raw: str, fault: str) -> None:
    assert told(raw)[-1][2] == fault


def test_what_the_capture_cut_off_is_no_fault_of_the_sender() -> None:
    assert told("0101080a00", complete=False)[-1][2] == "cut off by the capture"


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_listed_and_the_parser_of_record_agrees(raw: bytes, complete: bool) -> None:
    listed = list_options(raw, complete=complete, base=None)
    assert b"".join(option.raw for option in listed) == raw
    parsed = Options()
    parsed.parse(raw, 0, len(raw), complete)
    faults = [option.fault for option in listed if option.kind != 0 and "cut off" not in option.fault]
    # The parser of record looks no further than it needs to: it knows no lengths of kinds it does not use.
    if not parsed.well_formed:
        assert any(faults)
    if any(faults) and all(option.kind in {0, 1, 2, 3, 4, 5, 8} for option in listed if option.fault):
        assert not parsed.well_formed


def test_every_kind_has_a_name_of_one_line() -> None:
    assert all(name.isprintable() for name in OPTION_NAMES.values())
