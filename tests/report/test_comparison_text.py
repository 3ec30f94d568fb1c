"""The text report on a comparison, to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.compare.clocks import TROUBLES
from analyzer.compare.differences import DIFFERENCES, Observation, PairComparison
from analyzer.diagram.paired_ladder import ComparedDiagram, lay_out_comparison
from analyzer.report.comparison_text import (
    DIFFERENCE_WORDS,
    comparison_ladder,
    count_sentences,
    head_lines,
    pair_line,
    pair_lines,
    sum_lines,
    unpaired_line,
)
from analyzer.report.terminal import Style, columns
from tests.compare.builders import ANOTHER_RUN, MS, TALK, compared, moved, seen, without
from tests.compare.test_alignment import BURST, LOSSY, PIECES
from tests.report.builders import CAPTURE

AT_120 = """\
A #0, B #0  192.0.2.1:40000 → 198.51.100.2:80
    found      1 segment missing · 2 segments changed
    paired by  equal endpoints and initial sequence numbers
    A to B     client hop limit 64 → 61 · server hop limit 64 → 67
    clocks     A is nearer to the client · B's clock is 2 s ahead, plus or minus 4 ms ·
               RTT of at least 8 ms between the places, so about 4 ms one way

A  at the client.pcap                                                  B  at the server.pcap
 #      ms client                                                           server      ms #
 1   0.000 │ ─ SYN seq=0 ──────────────────────────────────────────────────────▶ │   4.000 1  MSS 1460 → 1400
 2  10.000 │ ◀──────────────────────────────────────────── SYN,ACK seq=0 ack=1 ─ │   6.000 2  MSS 1400 → 1460
 3  20.000 │ ─ ACK seq=1 ack=1 ────────────────────────────────────────────────▶ │  24.000 3  ACK 3/3
 4  30.000 │ ─ PSH,ACK seq=1 ack=1 len=1000 "bcdefghijklmnopqrstuvwxy"… ───────▶ │  34.000 4  DATA
 5  40.000 │ ─ PSH,ACK seq=1001 ack=1 len=1000 "nopqrstuvwxyzabcdefghijk"… ──×   │            only in A: lost on the way
 6  50.000 │ ─ PSH,ACK seq=2001 ack=1 len=1000 "zabcdefghijklmnopqrstuvw"… ────▶ │  54.000 5  DATA
 7  60.000 │ ◀───────────────────────────────────────────── ACK seq=1 ack=1001 ─ │  56.000 6  ACK
 8  70.000 │ ◀───────────────────────────────────────────── ACK seq=1 ack=1001 ─ │  66.000 7  ACK
 9 270.000 │ ─ PSH,ACK seq=1001 ack=1 len=1000 "nopqrstuvwxyzabcdefghijk"… ────▶ │ 274.000 8  DATA
10 280.000 │ ◀───────────────────────────────────────────── ACK seq=1 ack=3001 ─ │ 276.000 9  ACK
"""

AT_80 = """\
A #0, B #0  192.0.2.1:40000 → 198.51.100.2:80
    found      1 segment missing · 2 segments changed
    paired by  equal endpoints and initial sequence numbers
    A to B     client hop limit 64 → 61 · server hop limit 64 → 67
    clocks     A is nearer to the client ·
               B's clock is 2 s ahead, plus or minus 4 ms ·
               RTT of at least 8 ms between the places, so about 4 ms one way

A  at the client.pcap                         B  at the server.pcap
 #      ms client                                  server      ms #
 1   0.000 │ ─ SYN seq=0 ─────────────────────────────▶ │   4.000 1  SYN 1/3
           │   MSS 1460 → 1400                          │
 2  10.000 │ ◀─────────────────── SYN,ACK seq=0 ack=1 ─ │   6.000 2  SYN-ACK 2/3
           │                          MSS 1400 → 1460   │
 3  20.000 │ ─ ACK seq=1 ack=1 ───────────────────────▶ │  24.000 3  ACK 3/3
 4  30.000 │ ─ PSH,ACK seq=1 ack=1 len=1000 "bcdef"… ─▶ │  34.000 4  DATA
 5  40.000 │ ─ PSH,ACK seq=1001 ack=1 len=1000 ─────×   │            DATA
           │   only in A: lost on the way               │
 6  50.000 │ ─ PSH,ACK seq=2001 ack=1 len=1000 ───────▶ │  54.000 5  DATA
 7  60.000 │ ◀──────────────────── ACK seq=1 ack=1001 ─ │  56.000 6  ACK
 8  70.000 │ ◀──────────────────── ACK seq=1 ack=1001 ─ │  66.000 7  ACK
 9 270.000 │ ─ PSH,ACK seq=1001 ack=1 len=1000 ───────▶ │ 274.000 8  DATA
10 280.000 │ ◀──────────────────── ACK seq=1 ack=3001 ─ │ 276.000 9  ACK
"""

AT_60 = """\
A #0, B #0  192.0.2.1:40000 → 198.51.100.2:80
    found      1 segment missing · 2 segments changed
    paired by  equal endpoints and initial sequence numbers
    A to B     client hop limit 64 → 61 ·
               server hop limit 64 → 67
    clocks     A is nearer to the client ·
               B's clock is 2 s ahead, plus or minus 4 ms ·
               RTT of at least 8 ms between the places, so
               about 4 ms one way

A  at the client.pcap                  B  at the server.pcap
 #      ms client                           server      ms #
 1   0.000 │ ─ SYN seq=0 ──────────────────────▶ │   4.000 1
           │   MSS 1460 → 1400                   │
 2  10.000 │ ◀──────────── SYN,ACK seq=0 ack=1 ─ │   6.000 2
           │                   MSS 1400 → 1460   │
 3  20.000 │ ─ ACK seq=1 ack=1 ────────────────▶ │  24.000 3
 4  30.000 │ ─ PSH,ACK seq=1 ack=1 len=1000 ───▶ │  34.000 4
 5  40.000 │ ─ PSH,ACK seq=1001 len=1000 ────×   │
           │   only in A: lost on the way        │
 6  50.000 │ ─ PSH,ACK seq=2001 len=1000 ──────▶ │  54.000 5
 7  60.000 │ ◀───────────── ACK seq=1 ack=1001 ─ │  56.000 6
 8  70.000 │ ◀───────────── ACK seq=1 ack=1001 ─ │  66.000 7
 9 270.000 │ ─ PSH,ACK seq=1001 len=1000 ──────▶ │ 274.000 8
10 280.000 │ ◀───────────── ACK seq=1 ack=3001 ─ │ 276.000 9
"""

ASCII_80 = """\
A #0, B #0  192.0.2.1:40000 -> 198.51.100.2:80
    found      1 segment missing; 2 segments changed
    paired by  equal endpoints and initial sequence numbers
    A to B     client hop limit 64 -> 61; server hop limit 64 -> 67
    clocks     A is nearer to the client;
               B's clock is 2 s ahead, plus or minus 4 ms;
               RTT of at least 8 ms between the places, so about 4 ms one way

A  at the client.pcap                         B  at the server.pcap
 #      ms client                                  server      ms #
 1   0.000 | - SYN seq=0 -----------------------------> |   4.000 1  SYN 1/3
           |   MSS 1460 -> 1400                         |
 2  10.000 | <------------------- SYN,ACK seq=0 ack=1 - |   6.000 2  SYN-ACK 2/3
           |                         MSS 1400 -> 1460   |
 3  20.000 | - ACK seq=1 ack=1 -----------------------> |  24.000 3  ACK 3/3
 4  30.000 | - PSH,ACK seq=1 ack=1 len=1000 "bcd"... -> |  34.000 4  DATA
 5  40.000 | - PSH,ACK seq=1001 ack=1 len=1000 -----x   |            DATA
           |   only in A: lost on the way               |
 6  50.000 | - PSH,ACK seq=2001 ack=1 len=1000 -------> |  54.000 5  DATA
 7  60.000 | <-------------------- ACK seq=1 ack=1001 - |  56.000 6  ACK
 8  70.000 | <-------------------- ACK seq=1 ack=1001 - |  66.000 7  ACK
 9 270.000 | - PSH,ACK seq=1001 ack=1 len=1000 -------> | 274.000 8  DATA
10 280.000 | <-------------------- ACK seq=1 ack=3001 - | 276.000 9  ACK
"""

AT_44 = """\
A #0, B #0
192.0.2.1:40000 → 198.51.100.2:80
found      1 segment missing ·
           2 segments changed
paired by  equal endpoints and initial
           sequence numbers
A to B     client hop limit 64 → 61 ·
           server hop limit 64 → 67
clocks     A is nearer to the client · B's
           clock is 2 s ahead, plus or minus
           4 ms · RTT of at least 8 ms
           between the places, so about 4 ms
           one way

→ SYN seq=0
   A 1: 0.000 ms · B 1: 4.000 ms ·
   MSS 1460 → 1400
← SYN,ACK seq=0 ack=1
   A 2: 10.000 ms · B 2: 6.000 ms ·
   MSS 1400 → 1460
→ ACK seq=1 ack=1
   A 3: 20.000 ms · B 3: 24.000 ms
→ PSH,ACK seq=1 ack=1 len=1000
"bcdefghijklmnopqrstuvwxy"…
   A 4: 30.000 ms · B 4: 34.000 ms
→ PSH,ACK seq=1001 ack=1 len=1000
"nopqrstuvwxyzabcdefghijk"…
   A 5: 40.000 ms ·
   only in A: lost on the way
→ PSH,ACK seq=2001 ack=1 len=1000
"zabcdefghijklmnopqrstuvw"…
   A 6: 50.000 ms · B 5: 54.000 ms
← ACK seq=1 ack=1001
   A 7: 60.000 ms · B 6: 56.000 ms
← ACK seq=1 ack=1001
   A 8: 70.000 ms · B 7: 66.000 ms
→ PSH,ACK seq=1001 ack=1 len=1000
"nopqrstuvwxyzabcdefghijk"…
   A 9: 270.000 ms · B 8: 274.000 ms
← ACK seq=1 ack=3001
   A 10: 280.000 ms · B 9: 276.000 ms
"""

RUNS_80 = """\
A #0, B #0  192.0.2.1:40000 → 198.51.100.2:80
    found      1 segment late
    paired by  the same server and equal first payloads

A  before.pcap                                  B  after.pcap
 #     ms client                            server      ms  #
 1  0.000 │ ─ SYN seq=0 ───────────────────────▶ │   0.000  1  SYN 1/3
 2 10.000 │ ◀───────────── SYN,ACK seq=0 ack=1 ─ │  10.000  2  SYN-ACK 2/3
 3 20.000 │ ─ ACK seq=1 ack=1 ─────────────────▶ │  20.000  3  ACK 3/3
 4 30.000 │ ─ PSH,ACK seq=1 ack=1 len=100 ─────▶ │  30.000  4  DATA
 5 40.000 │ ◀─────────────── ACK seq=1 ack=101 ─ │  40.000  5  ACK
 6 50.000 │ ◀──── PSH,ACK seq=1 ack=101 len=50 ─ │ 340.000  6  290 ms late
 7 60.000 │ ─ ACK seq=101 ack=51 ──────────────▶ │ 350.000  7  ACK
 8 70.000 │ ─ FIN,ACK seq=101 ack=51 ──────────▶ │ 360.000  8  FIN 1/4
 9 80.000 │ ◀────────── FIN,ACK seq=51 ack=102 ─ │ 370.000  9  ACK 2/4 + FIN 3/4
10 90.000 │ ─ ACK seq=102 ack=52 ──────────────▶ │ 380.000 10  ACK 4/4
"""


def lower_mss(one: Observation) -> Observation:
    return one._replace(options=one.options.replace(b"\x05\xb4", b"\x05\x78"))


def two_places() -> PairComparison:
    a = seen(LOSSY)
    return compared(a, moved(without(a, 5), hops=3, offset_ms=2000, change=lower_mss))


def two_runs() -> PairComparison:
    slow = TALK.replace("< P. 1:51(50)", "+0.3 < P. 1:51(50)").replace("val 100", "val 5")
    return compared(seen(TALK), seen(slow, ANOTHER_RUN), tolerance_ms=5)


def diagram(comparison: PairComparison, *names: str, fold: bool = True) -> ComparedDiagram:
    captures = (names[0], names[1]) if names else ("at the client.pcap", "at the server.pcap")
    return lay_out_comparison(comparison, captures, 5 * MS, fold=fold)


def report(comparison: PairComparison, style: Style, *names: str) -> str:
    lines = [*pair_lines(comparison, style), "", *comparison_ladder(diagram(comparison, *names), style)]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (Style(120), AT_120),
        (Style(80), AT_80),
        (Style(60), AT_60),
        (Style(80, ascii=True), ASCII_80),
        (Style(44), AT_44),
    ],
    ids=["120", "80", "60", "ascii", "44"],
)
def test_two_places(style: Style, expected: str) -> None:
    assert report(two_places(), style) == expected


def test_two_runs() -> None:
    assert report(two_runs(), Style(80), "before.pcap", "after.pcap") == RUNS_80


def test_a_run_without_a_difference_is_folded_and_one_with_some_is_counted() -> None:
    talk = TALK + "".join(f"> P. {102 + 2 * n}:{104 + 2 * n}(2) ack 52\n" for n in range(200))
    a = seen(talk)
    same = list(comparison_ladder(diagram(compared(a, a)), Style(100)))
    assert any("┆" in line and "segments omitted, frames" in line for line in same)
    assert len(same) < 30
    b = moved(a, change=lambda one: one._replace(window=9) if one.frame > 20 else one)
    lines = list(comparison_ladder(diagram(compared(a, b)), Style(100)))
    assert any("┆" in line and "segments changed" in line for line in lines)
    assert any("segments changed" in line for line in comparison_ladder(diagram(compared(a, b)), Style(40)))
    unfolded = list(comparison_ladder(diagram(compared(a, b), fold=False), Style(100)))
    assert len(unfolded) == 2 + len(a.segments)


def test_joined_segments_say_how_many() -> None:
    text = report(compared(seen(BURST), seen(PIECES)), Style(120))
    assert "4–6  1 segment in A, 3 segments in B" in text
    text = report(compared(without(seen(PIECES), 5), seen(BURST)), Style(140))
    assert "1,448 bytes are missing in A" in text


def test_a_clock_says_what_it_does_not_know() -> None:
    comparison = two_places()
    assert comparison.clocks is not None
    for trouble, sentence in TROUBLES.items():
        clocks = comparison.clocks._replace(trouble=trouble)
        text = " ".join("\n".join(pair_lines(replace(comparison, clocks=clocks), Style(120))).split())
        assert " ".join(sentence.split()) in text.replace(" · ", " ")
    behind = comparison.clocks._replace(offset_ns=-2_000_000_000, drift=2e-5)
    text = "\n".join(pair_lines(replace(comparison, clocks=behind), Style(120)))
    assert "B's clock is 2 s behind, plus or minus 4 ms" in text
    assert "B's clock runs 20.0 ppm fast" in text
    near = comparison.clocks._replace(offset_ns=5)
    assert "the two clocks agree within 4 ms" in "\n".join(
        pair_lines(replace(comparison, clocks=near), Style(120))
    )
    for offset, words in (
        (0, "both captures have the same times"),
        (5000, "all times of B are 5 µs later"),
        (-5000, "all times of B are 5 µs earlier"),
    ):
        one_place = comparison.clocks._replace(client_side="", offset_ns=offset, uncertainty_ns=0)
        assert words in "\n".join(pair_lines(replace(comparison, clocks=one_place), Style(120)))


def test_the_head_names_both_captures() -> None:
    b = replace(CAPTURE, path="b" * 90)
    lines = list(head_lines((CAPTURE, b), (1, 2), "two-runs", True, Style(80)))
    assert lines[0] == "A  captures/echo.pcap   pcap · Ethernet · 10 frames · 1 connection"
    assert lines[1].startswith("B  …bbb")
    assert lines[2:] == [
        "   pcap · Ethernet · 10 frames · 2 connections",
        "chosen with --as: two runs, compared by content",
    ]


def test_lines_of_tables() -> None:
    comparison = two_places()
    assert pair_line(comparison, Style(100)) == (
        "#0        192.0.2.1:40000 → 198.51.100.2:80  1 segment missing · 2 segments changed"
    )
    assert unpaired_line("B", comparison.b, Style(70)).startswith("only in B: #0  192.0.2.1:40000 → ")
    assert list(sum_lines(3, 1, {"missing": 2, "unpaired": 1}, Style(120))) == [
        "3 pairs of connections · 1 without a difference · 1 connection in one capture only · 2 segments missing"
    ]
    assert list(sum_lines(1, 1, {}, Style(120))) == ["1 pair of connections · no difference"]
    same = compared(seen(TALK), seen(TALK))
    assert pair_line(same, Style(100)).endswith("no difference")


def test_every_difference_has_words() -> None:
    assert list(DIFFERENCE_WORDS) == [difference.name for difference in DIFFERENCES]
    assert count_sentences({"missing": 1, "late": 0, "extra": 1234}) == [
        "1 segment missing",
        "1,234 extra copies of segments",
    ]


def test_hostile_text_does_nothing() -> None:
    a = seen(TALK)
    a.segments[3] = a.segments[3]._replace(payload=b"\x1b[31mred\r\n\xe2\x80\xaeabc")
    comparison = compared(a, without(a, 9))
    text = report(comparison, Style(120), "\x1b]0;title\x07.pcap", "\u202egnp.pcap")
    assert all(line.isprintable() for line in text.splitlines())
    assert '"\\x1b[31mred' in text
    assert "\\x1b]0;title\\x07.pcap" in text


def test_colours_tell_what_is_missing_and_what_is_changed() -> None:
    text = "\n".join(comparison_ladder(diagram(two_places()), Style(120, colour=True)))
    assert "\x1b[31m─ PSH,ACK seq=1001" in text
    assert "\x1b[33m─ SYN seq=0" in text
    assert "\x1b[31monly in A: lost on the way" in text


@pytest.mark.slow
@given(
    st.sets(st.integers(1, 10), max_size=9),
    st.sets(st.integers(1, 10), max_size=9),
    st.integers(1, 200),
    st.booleans(),
    st.integers(-(10**9), 10**9),
)
def test_no_line_is_wider_than_asked(
    left: set[int], right: set[int], width: int, ascii_only: bool, offset_ms: int
) -> None:
    comparison = compared(
        without(seen(LOSSY), *left), moved(without(seen(LOSSY), *right), offset_ms=offset_ms), "two-places"
    )
    style = Style(width, ascii=ascii_only)
    for line in [*pair_lines(comparison, style), *comparison_ladder(diagram(comparison), style)]:
        assert columns(line) <= width
        assert line.isprintable()
        assert line.isascii() or not ascii_only
