"""The options one by one: values, faults, and agreement with the parser of record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.option_list import OPTION_NAMES, list_options
from analyzer.wire.options import Options


def told(octets: str, *, complete: bool = True, base: int | None = None) -> list[tuple[str, str, str]]:
    found = list_options(bytes.fromhex(octets), complete=complete, base=base)
    return [(option.name, option.value, option.fault) for option in found]


@pytest.mark.parametrize(
    ("octets", "name", "value"),
    [
        ("0204ffd7", "Maximum Segment Size", "65495 octets of payload at most"),
        ("03030a", "Window Scale", "shift 10: windows count ×1024"),
        ("0303ff", "Window Scale", "shift 255, to be read as 14: windows count ×16384"),
        ("0402", "SACK Permitted", "selective acknowledgements are welcome"),
        ("080a0000000100000002", "Timestamps", "value 1, echo 2"),
        ("1c040005", "User Timeout", "5 seconds"),
        ("1c048005", "User Timeout", "5 minutes"),
        ("1e0c0181000000000000000a", "Multipath TCP", "MP_CAPABLE"),
        ("1e04f000", "Multipath TCP", "MP_EXPERIMENTAL"),
        ("1e04a000", "Multipath TCP", "subtype 10"),
        ("2202", "Fast Open Cookie", "asks for a cookie"),
        ("220401ff", "Fast Open Cookie", "cookie 01ff"),
        ("fe04f989", "Experiment", "Fast Open before it had a kind of its own: asks for a cookie"),
        ("fe061234abcd", "Experiment", "experiment 0x1234"),
        ("4d021b", "kind 77", ""),
        ("00", "End of Option List", ""),
        ("000000", "End of Option List", "the rest is padding"),
    ],
)
def test_what_an_option_says(octets: str, name: str, value: str) -> None:
    assert told(octets)[0] == (name, value, "")


def test_sack_blocks_are_relative_where_the_base_is_known() -> None:
    octets = "0512" + "0000000500000009" + "fffffff0fffffff8"
    assert told(octets)[0][1] == "has received 5–9, 4294967280–4294967288 (absolute)"
    assert told(octets, base=0xFFFFFFF0)[0][1] == "has received 21–25, 0–8"


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        ("0203ff", "a length of 3 does not fit this kind"),
        ("0502", "a length of 2 does not fit this kind"),
        ("0800", "a length of 0 is impossible: nothing after it can be read"),
        ("0101080a00", "its length, 10, runs past the header"),
        ("02", "its length is missing"),
        ("0001", "octets that are not 0 follow the end"),
    ],
)
def test_what_is_malformed_is_said(octets: str, fault: str) -> None:
    assert told(octets)[-1][2] == fault


def test_what_the_capture_cut_off_is_no_fault_of_the_sender() -> None:
    assert told("0101080a00", complete=False)[-1][2] == "the capture cut it off"


@given(st.binary(max_size=40), st.booleans())
def test_any_octets_are_listed_and_the_parser_of_record_agrees(octets: bytes, complete: bool) -> None:
    listed = list_options(octets, complete=complete, base=None)
    assert b"".join(option.raw for option in listed) == octets
    parsed = Options()
    parsed.parse(octets, 0, len(octets), complete)
    faults = [option.fault for option in listed if option.kind != 0 and "cut it off" not in option.fault]
    # The parser of record looks no further than it needs to: it knows no lengths of kinds it does not use.
    if not parsed.well_formed:
        assert any(faults)
    if any(faults) and all(option.kind in {0, 1, 2, 3, 4, 5, 8} for option in listed if option.fault):
        assert not parsed.well_formed


def test_every_kind_has_a_name_of_one_line() -> None:
    assert all(name.isprintable() for name in OPTION_NAMES.values())
