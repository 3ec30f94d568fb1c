from __future__ import annotations

import pytest

from analyzer.report.wording import clock_for, counted, counted_note, delays, duration

US = 1_000
MS = 1_000_000
S = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.5 µs"),
        (15 * US, "15 µs"),
        (507 * US, "507 µs"),
        (1_234_567, "1.23 ms"),
        (12_345_678, "12.3 ms"),
        (999_999_999, "1000 ms"),
        (1_030 * MS, "1.03 s"),
        (20 * S, "20 s"),
        (200 * S, "3 min 20 s"),
        (60 * S, "1 min"),
        (7_500 * S, "2 h 5 min"),
        (100_000 * S, "1 d 3 h"),
        (365 * 86_400 * S, "365 d"),
        (31_557_600 * S, "1.0 years"),
        ((5806 * 24 + 5) * 3600 * S, "15.9 years"),
        (-15 * US, "-15 µs"),
    ],
)
def test_duration(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_a_note_is_counted_in_front_of_its_name() -> None:
    assert counted_note("retransmission", 1234) == "1,234 × retransmission"
    assert counted_note("ack_lost_segment", 1) == "1 × ACKs unseen segment"


def test_delays_end_after_six() -> None:
    assert delays([S, 3 * S]) == "1 s, 3 s"
    assert delays([S] * 7) == "1 s, 1 s, 1 s, 1 s, 1 s, 1 s, …"


def test_one_and_many() -> None:
    assert counted(1, "{count} frame", "{count} frames") == "1 frame"
    assert counted(12_288, "{count} byte", "{count} bytes") == "12,288 bytes"


@pytest.mark.parametrize(
    ("longest", "time", "unit", "text"),
    [
        (507 * US, 30 * US, "µs", "30"),
        (50_250, 30_125, "µs", "30.125"),
        (507_250, 30_125, "µs", "30"),
        (5 * MS, 1_234_567, "ms", "1.234"),
        (12 * S, 1_234_567_890, "s", "1.234567"),
        (700 * S, 83 * S + 4_999_999, "m:s", "1:23.004"),
        (9000 * S, 3723 * S, "h:m:s", "1:02:03.000"),
        (5 * MS, -1_234_567, "ms", "-1.234"),
    ],
)
def test_the_unit_fits_the_connection(longest: int, time: int, unit: str, text: str) -> None:
    clock = clock_for([0, time, longest])
    assert (clock.unit, clock.show(time)) == (unit, text)
