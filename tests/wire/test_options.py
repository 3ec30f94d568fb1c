from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.options import Options

FIELDS = (
    "maximum_segment_size",
    "window_scale",
    "sack_permitted",
    "sack_blocks",
    "timestamp_value",
    "fast_open_cookie",
    "multipath",
)


def parse(data: bytes, complete: bool = True) -> Options:
    options = Options()
    options.parse(b"\xff" * 3 + data + b"\x02\x04\xff\xff", 3, len(data), complete)
    return options


def known(options: Options) -> dict[str, object]:
    """What was found, without what is absent."""
    found = {name: getattr(options, name) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not False and value not in (-1, 0)}


def test_what_linux_sends_in_a_syn() -> None:
    options = parse(bytes.fromhex("020405b4 0402 080a 00000102 00000304 01 030307"))
    assert options.well_formed
    assert known(options) == {
        "maximum_segment_size": 1460,
        "sack_permitted": True,
        "timestamp_value": 0x102,
        "window_scale": 7,
    }


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("", {}),
        ("0101", {}),
        ("00020405b4", {}),
        ("030300", {}),
        ("03030e", {"window_scale": 14}),
        ("0303ff", {"window_scale": 14}),
        ("050a" + "00" * 8, {"sack_blocks": 1}),
        ("0522" + "00" * 32, {"sack_blocks": 4}),
        ("080affffffff00000001", {"timestamp_value": 2**32 - 1}),
        ("1e042000", {"multipath": 4}),
        ("1e0400811e045001", {"multipath": 32}),
        ("2202", {}),
        ("220a0011223344556677", {"fast_open_cookie": 8}),
        ("fe08f98900112233", {"fast_open_cookie": 4}),
        ("fd06f9890011", {"fast_open_cookie": 2}),
        ("fe041234", {}),
        ("fe02", {}),
        ("4406deadbeef020405b4", {"maximum_segment_size": 1460}),
    ],
)
def test_kinds(data: str, found: dict[str, object]) -> None:
    options = parse(bytes.fromhex(data))
    assert options.well_formed
    assert known(options) == found


def test_requests_for_a_cookie_and_a_scale_of_zero_are_there() -> None:
    assert parse(b"\x22\x02").fast_open_cookie == 0
    assert parse(b"\xfe\x04\xf9\x89").fast_open_cookie == 0
    assert parse(b"\x03\x03\x00").window_scale == 0
    assert parse(b"").fast_open_cookie == parse(b"").window_scale == -1


@pytest.mark.parametrize(
    "data",
    [
        "02",
        "0200",
        "0201",
        "0205ffff",
        "020305",
        "0302",
        "040300",
        "0502",
        "050b" + "00" * 9,
        "0809" + "00" * 7,
        "08ff",
        "0101010102",
        "9900",
    ],
)
def test_what_is_out_of_form(data: str) -> None:
    options = parse(bytes.fromhex(data))
    assert not options.well_formed
    assert known(options) == {}


def test_what_stands_before_a_fault_is_kept() -> None:
    options = parse(bytes.fromhex("020405b4 0300"))
    assert not options.well_formed
    assert options.maximum_segment_size == 1460


def test_what_stands_behind_a_fault_is_not_read() -> None:
    assert known(parse(bytes.fromhex("0201 020405b4"))) == {}
    assert known(parse(bytes.fromhex("0300 0402"))) == {}


def test_a_cut_header_is_no_fault_of_the_sender() -> None:
    data = bytes.fromhex("020405b4 0402 080a 00000102 00000304 01 030307")
    for length in range(len(data)):
        assert parse(data[:length], complete=False).well_formed
    assert not parse(b"\x02\x00", complete=False).well_formed


def test_nothing_is_left_of_the_header_before() -> None:
    options = parse(bytes.fromhex("020405b4 0402 080a 00000102 00000304 220400ff 1e02 030307 99"))
    options.parse(b"", 0, 0, True)
    assert known(options) == {}
    assert options.well_formed


@given(st.binary(max_size=40), st.booleans())
def test_whatever_the_bytes_are(data: bytes, complete: bool) -> None:
    options = parse(data, complete)
    assert -1 <= options.maximum_segment_size <= 0xFFFF
    assert -1 <= options.window_scale <= 14
    assert -1 <= options.fast_open_cookie <= 38
    # Nothing behind the end was read: the block goes on with an MSS of 65535.
    if options.maximum_segment_size == 0xFFFF:
        assert b"\x02\x04\xff\xff" in data


@pytest.mark.parametrize(
    ("data", "broken"),
    [
        ("0502", True),
        ("0509" + "00" * 7, True),
        ("050a" + "00" * 8, False),
        ("1e02", True),
        ("1e0300", True),
        ("1e0310", False),
        ("1e0b60" + "00" * 8, True),
        ("1e0c60" + "00" * 9, False),
        ("0302", False),
    ],
)
def test_what_ends_wiresharks_dissection(data: str, broken: bool) -> None:
    options = parse(bytes.fromhex(data))
    assert options.broken is broken
    assert options.well_formed is not (broken or data == "0302")
    assert not options.cut
    cut = parse(b"\x08\x0a", complete=False)
    assert cut.cut
    assert cut.broken
