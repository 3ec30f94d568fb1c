from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.diagram.layout import lay_out
from analyzer.report.ladder import ladder_lines
from analyzer.report.terminal import READABLE_WIDTH, Style, columns
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from analyzer.tcp.states import STATES
from analyzer.trace.values import Connection, EndpointAddress, Side
from tests.diagram.builders import NextState, Stage, echo, long_run, narrow, reset, unreachable

ECHO_60 = """\
 #  µs  client :42014                        server :20000
          127.0.0.1                            127.0.0.1
       │ CLOSED                             LISTEN │
 1   0 │ ─ SYN seq=0 ────────────────── SYN 1/3 ─▶ │
       │ SYN-SENT                     SYN-RECEIVED │
 2  15 │ ◀─ SYN-ACK 2/3 ──── SYN,ACK seq=0 ack=1 ─ │
       │ ESTABLISHED                               │
 3  30 │ ─ ACK seq=1 ack=1 ──────────── ACK 3/3 ─▶ │
       │                               ESTABLISHED │
 4  45 │ ─ PSH,ACK seq=1 ack=1 len=2 ───── DATA ─▶ │
 5  60 │ ◀─ ACK ──────────────── ACK seq=1 ack=3 ─ │
 6  75 │ ◀─ DATA ───── PSH,ACK seq=1 ack=3 len=2 ─ │
 7  90 │ ─ ACK seq=3 ack=3 ──────────────── ACK ─▶ │
 8 105 │ ─ FIN,ACK seq=3 ack=3 ──────── FIN 1/4 ─▶ │
       │ FIN-WAIT-1                     CLOSE-WAIT │
 9 120 │ ◀────────────────── FIN,ACK seq=3 ack=4 ─ │
       │ TIME-WAIT     ACK 2/4 + FIN 3/4  LAST-ACK │
10 135 │ ─ ACK seq=4 ack=4 ──────────── ACK 4/4 ─▶ │
       │                                    CLOSED │
"""

ECHO_80 = """\
 #  µs       client :42014                         server :20000
               127.0.0.1                             127.0.0.1
            CLOSED │                                     │ LISTEN
 1   0    SYN-SENT │ ─ SYN seq=0 ──────────────────────▶ │ SYN-RECEIVED  SYN 1/3
 2  15 ESTABLISHED │ ◀──────────── SYN,ACK seq=0 ack=1 ─ │           SYN-ACK 2/3
 3  30             │ ─ ACK seq=1 ack=1 ────────────────▶ │ ESTABLISHED   ACK 3/3
 4  45             │ ─ PSH,ACK seq=1 ack=1 len=2 "AB" ─▶ │                  DATA
 5  60             │ ◀──────────────── ACK seq=1 ack=3 ─ │                   ACK
 6  75             │ ◀─ PSH,ACK seq=1 ack=3 len=2 "AB" ─ │                  DATA
 7  90             │ ─ ACK seq=3 ack=3 ────────────────▶ │                   ACK
 8 105  FIN-WAIT-1 │ ─ FIN,ACK seq=3 ack=3 ────────────▶ │ CLOSE-WAIT    FIN 1/4
 9 120   TIME-WAIT │ ◀──────────── FIN,ACK seq=3 ack=4 ─ │ LAST-ACK
                   │                                     │     ACK 2/4 + FIN 3/4
10 135             │ ─ ACK seq=4 ack=4 ────────────────▶ │ CLOSED        ACK 4/4
"""

ECHO_100 = """\
 #  µs       client :42014                               server :20000
               127.0.0.1                                   127.0.0.1
            CLOSED │                                           │ LISTEN
 1   0    SYN-SENT │ ─ SYN seq=0 ────────────────────────────▶ │ SYN-RECEIVED  SYN 1/3
 2  15 ESTABLISHED │ ◀────────────────── SYN,ACK seq=0 ack=1 ─ │               SYN-ACK 2/3
 3  30             │ ─ ACK seq=1 ack=1 ──────────────────────▶ │ ESTABLISHED   ACK 3/3
 4  45             │ ─ PSH,ACK seq=1 ack=1 len=2 "AB" ───────▶ │               DATA
 5  60             │ ◀────────────────────── ACK seq=1 ack=3 ─ │               ACK
 6  75             │ ◀─────── PSH,ACK seq=1 ack=3 len=2 "AB" ─ │               DATA
 7  90             │ ─ ACK seq=3 ack=3 ──────────────────────▶ │               ACK
 8 105  FIN-WAIT-1 │ ─ FIN,ACK seq=3 ack=3 ──────────────────▶ │ CLOSE-WAIT    FIN 1/4
 9 120   TIME-WAIT │ ◀────────────────── FIN,ACK seq=3 ack=4 ─ │ LAST-ACK      ACK 2/4 + FIN 3/4
10 135             │ ─ ACK seq=4 ack=4 ──────────────────────▶ │ CLOSED        ACK 4/4
"""

ECHO_120 = """\
  frame  time, µs        client :42014                                server :20000
                           127.0.0.1                                    127.0.0.1
                        CLOSED │                                            │ LISTEN
      1         0     SYN-SENT │ ── SYN seq=0 ────────────────────────────▶ │ SYN-RECEIVED  SYN 1/3
      2        15  ESTABLISHED │ ◀────────────────── SYN,ACK seq=0 ack=1 ── │               SYN-ACK 2/3
      3        30              │ ── ACK seq=1 ack=1 ──────────────────────▶ │ ESTABLISHED   ACK 3/3
      4        45              │ ── PSH,ACK seq=1 ack=1 len=2 "AB" ───────▶ │               DATA
      5        60              │ ◀────────────────────── ACK seq=1 ack=3 ── │               ACK
      6        75              │ ◀─────── PSH,ACK seq=1 ack=3 len=2 "AB" ── │               DATA
      7        90              │ ── ACK seq=3 ack=3 ──────────────────────▶ │               ACK
      8       105   FIN-WAIT-1 │ ── FIN,ACK seq=3 ack=3 ──────────────────▶ │ CLOSE-WAIT    FIN 1/4
      9       120    TIME-WAIT │ ◀────────────────── FIN,ACK seq=3 ack=4 ── │ LAST-ACK      ACK 2/4 + FIN 3/4
     10       135              │ ── ACK seq=4 ack=4 ──────────────────────▶ │ CLOSED        ACK 4/4
"""

ECHO_ASCII_80 = """\
 #  us       client :42014                         server :20000
               127.0.0.1                             127.0.0.1
            CLOSED |                                     | LISTEN
 1   0    SYN-SENT | - SYN seq=0 ----------------------> | SYN-RECEIVED  SYN 1/3
 2  15 ESTABLISHED | <------------ SYN,ACK seq=0 ack=1 - |           SYN-ACK 2/3
 3  30             | - ACK seq=1 ack=1 ----------------> | ESTABLISHED   ACK 3/3
 4  45             | - PSH,ACK seq=1 ack=1 len=2 "AB" -> |                  DATA
 5  60             | <---------------- ACK seq=1 ack=3 - |                   ACK
 6  75             | <- PSH,ACK seq=1 ack=3 len=2 "AB" - |                  DATA
 7  90             | - ACK seq=3 ack=3 ----------------> |                   ACK
 8 105  FIN-WAIT-1 | - FIN,ACK seq=3 ack=3 ------------> | CLOSE-WAIT    FIN 1/4
 9 120   TIME-WAIT | <------------ FIN,ACK seq=3 ack=4 - | LAST-ACK
                   |                                     |     ACK 2/4 + FIN 3/4
10 135             | - ACK seq=4 ack=4 ----------------> | CLOSED        ACK 4/4
"""

ECHO_40 = """\
→ client :42014 CLOSED
← server :20000 LISTEN
 1 → SYN seq=0
   0 µs · SYN 1/3 · client SYN-SENT ·
   server SYN-RECEIVED
 2 ← SYN,ACK seq=0 ack=1
   15 µs · SYN-ACK 2/3 ·
   client ESTABLISHED
 3 → ACK seq=1 ack=1
   30 µs · ACK 3/3 · server ESTABLISHED
 4 → PSH,ACK seq=1 ack=1 len=2 "AB"
   45 µs · DATA
 5 ← ACK seq=1 ack=3
   60 µs · ACK
 6 ← PSH,ACK seq=1 ack=3 len=2 "AB"
   75 µs · DATA
 7 → ACK seq=3 ack=3
   90 µs · ACK
 8 → FIN,ACK seq=3 ack=3
   105 µs · FIN 1/4 ·
   client FIN-WAIT-1 · server CLOSE-WAIT
 9 ← FIN,ACK seq=3 ack=4
   120 µs · ACK 2/4 + FIN 3/4 ·
   client TIME-WAIT · server LAST-ACK
10 → ACK seq=4 ack=4
   135 µs · ACK 4/4 · server CLOSED
"""

RUN_100 = """\
  #     ms       client :42014                                     server :20000
                   127.0.0.1                                         127.0.0.1
                CLOSED │                                                 │ LISTEN
  1  0.000    SYN-SENT │ ─ SYN seq=0 ──────────────────────────────────▶ │ SYN-RECEIVED      SYN 1/3
  2  0.015 ESTABLISHED │ ◀──────────────────────── SYN,ACK seq=0 ack=1 ─ │               SYN-ACK 2/3
  3  0.030             │ ─ ACK seq=1 ack=1 ────────────────────────────▶ │ ESTABLISHED       ACK 3/3
  4  0.045             │ ─ PSH,ACK seq=1 ack=1 len=1400 00 01 02 03 … ─▶ │                      DATA
  5  0.060             │ ◀───────────────────────── ACK seq=1 ack=1401 ─ │                       ACK
  6  0.075             │ ─ PSH,ACK seq=1401 ack=1 len=1400 00 01 02 … ─▶ │                      DATA
  7  0.090             │ ◀───────────────────────── ACK seq=1 ack=2801 ─ │                       ACK
     0.105             ┆      794 segments omitted: 555,800 bytes →      ┆
802 12.015             │ ─ PSH,ACK seq=558601 ack=1 len=1400 00 01 … ──▶ │                      DATA
803 12.030             │ ◀─────────────────────── ACK seq=1 ack=560001 ─ │                       ACK
804 12.045  FIN-WAIT-1 │ ─ FIN,ACK seq=560001 ack=1 ───────────────────▶ │ CLOSE-WAIT        FIN 1/4
805 12.060   TIME-WAIT │ ◀─────────────────── FIN,ACK seq=1 ack=560002 ─ │ LAST-ACK
                       │                                                 │         ACK 2/4 + FIN 3/4
806 12.075             │ ─ ACK seq=560002 ack=2 ───────────────────────▶ │ CLOSED            ACK 4/4
"""

CHINESE = "你好，世界，这是一个很长的句子".encode()
HOSTILE = b"\x1b[31mred\r\n\xe2\x80\xaeabc"


def ladder(connection: Connection, style: Style) -> list[str]:
    return list(ladder_lines(lay_out(connection), style))


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (Style(40), ECHO_40),
        (Style(60), ECHO_60),
        (Style(80), ECHO_80),
        (Style(100), ECHO_100),
        (Style(120), ECHO_120),
        (Style(80, ascii=True), ECHO_ASCII_80),
    ],
    ids=["40", "60", "80", "100", "120", "ascii"],
)
def test_echo(style: Style, expected: str) -> None:
    assert ladder(echo().connection(), style) == expected.splitlines()


def test_a_folded_run_says_what_was_folded() -> None:
    assert ladder(long_run().connection(), Style(100)) == RUN_100.splitlines()


def test_an_error_reaches_neither_end() -> None:
    notice = ladder(unreachable().connection(), Style(120))[-1]
    assert "│  ╌╌ ICMP 10.0.0.254: host unreachable (about frame 1) ╌╌  │" in notice
    assert notice.split()[:2] == ["2", "15"]
    for style in (Style(60), Style(80), Style(100)):
        middle = [line for line in ladder(narrow().connection(), style) if "ICMP" in line]
        assert [line.split()[0] for line in middle] == ["44", "45"]
    compact = ladder(narrow().connection(), Style(40))
    assert any(line.startswith("44 ICMP 10.0.0.254") for line in compact)


def test_colours_tell_the_kinds_of_segments_apart() -> None:
    text = "\n".join(ladder(reset().connection(), Style(100, colour=True)))
    assert "\x1b[32m── SYN seq=0" in text
    assert "\x1b[1;31m── RST,ACK" in text
    assert "\x1b[36mSYN-RECEIVED" in text
    stage = (
        Stage().open().send("client", "PSH,ACK", 1, 1, "data", payload=b"a", notes="retransmission").close()
    )
    text = "\n".join(ladder(stage.connection(), Style(120, colour=True)))
    assert "\x1b[35m── PSH,ACK" in text
    assert "\x1b[33m── FIN,ACK" in text


def test_a_wider_terminal_does_not_stretch_it() -> None:
    stage = Stage().open().exchange(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").close(38)
    assert ladder(stage.connection(), Style(1000)) == ladder(stage.connection(), Style(READABLE_WIDTH))


def test_wide_characters_keep_the_lifelines_straight() -> None:
    stage = Stage().open().send("client", "PSH,ACK", 1, 1, "data", payload=CHINESE)
    lines = ladder(stage.connection(), Style(100))
    assert '"你好，世界' in lines[-1]
    places = {columns(line[: line.rindex("│")]) for line in lines if line.count("│") == 2}
    assert len(places) == 1


def test_ascii_escapes_what_is_not() -> None:
    stage = Stage().open().send("client", "PSH,ACK", 1, 1, "data", payload="你→".encode())
    lines = ladder(stage.connection(), Style(120, ascii=True))
    assert '"\\u4f60\\u2192"' in lines[-1]
    assert all(line.isascii() for line in lines)


def test_hostile_payload_is_shown_and_does_nothing() -> None:
    stage = Stage().open().send("client", "PSH,ACK", 1, 1, "data", payload=HOSTILE)
    line = ladder(stage.connection(), Style(140, colour=True))[-1]
    assert '"\\x1b[31mred\\r\\n\\u202eabc"' in line
    assert line.replace("\x1b[2m", "").replace("\x1b[0m", "").isprintable()


def test_bytes_are_cut_between_bytes() -> None:
    lines = ladder(long_run().connection(), Style(100))
    assert any("len=1400 00 01 02 03 …" in line for line in lines)
    assert not any("0…" in line for line in lines)


def test_addresses_of_ipv6_get_the_lines_they_need() -> None:
    client = EndpointAddress("2001:db8:85a3:1234:5678:8a2e:370:7334", 50000)
    server = EndpointAddress("2001:db8:85a3:1234:5678:8a2e:370:7335", 443)
    connection = Stage(client=client, server=server).open().connection()
    for width in (60, 80, 100, 120):
        text = "\n".join(ladder(connection, Style(width)))
        assert client.address in text
        assert server.address in text


def test_notes_move_below_an_arrow_that_has_no_room_beside_it() -> None:
    stage = Stage().open()
    stage.send(
        "client",
        "PSH,ACK",
        1,
        1,
        "data",
        payload=b"ab",
        notes="retransmission out_of_order",
        client="CLOSING",
    )
    wide = ladder(stage.connection(), Style(140))[-1]
    assert wide.endswith("DATA · retransmission · out of order")
    first, second = ladder(stage.connection(), Style(90))[-2:]
    assert first.endswith("DATA")
    assert "retransmission · out of order" in second


def test_numbers_move_below_an_arrow_that_is_too_short() -> None:
    stage = (
        Stage().open().send("client", "PSH,ACK", 4294967000, 4294967295, "data", length=1460, payload=b"x")
    )
    stage.now_ns += 10**12
    stage.send("client", "PSH,ACK", 4294967000, 4294967295, "data", length=1460)
    first, second = ladder(stage.connection(), Style(60))[-2:]
    assert "PSH,ACK seq=4294967000 len=1460" in first
    assert "ack=4294967295" in second


def test_a_window_is_told_where_it_matters() -> None:
    stage = Stage().open().send("server", "ACK", 1, 1, "ack", notes="zero_window")
    assert "win=65536" in ladder(stage.connection(), Style(120))[-1]


def test_a_label_is_not_repeated_by_its_note() -> None:
    stage = Stage().open().send("client", "ACK", 0, 1, "keep-alive", notes="keep_alive")
    assert ladder(stage.connection(), Style(120))[-1].endswith("KEEP-ALIVE")


def test_notes_of_a_folded_run_are_counted() -> None:
    stage = Stage().open()
    for _ in range(200):
        stage.send("server", "ACK", 1, 1, "ack", notes="duplicate_ack")
    for width in (60, 120):
        assert any(
            "duplicate ACK" in line and "┆" in line for line in ladder(stage.connection(), Style(width))
        )
    assert "duplicate ACK" in "\n".join(ladder(stage.connection(), Style(40)))


def test_a_connection_without_segments() -> None:
    assert len(ladder(Stage().connection(), Style(80))) == 3


segments = st.tuples(
    st.sampled_from(["client", "server"]),
    st.sampled_from(
        ["", "SYN", "SYN,ACK", "FIN,PSH,ACK", "RST,ACK", "ACK", "SYN,FIN,RST,PSH,ACK,URG,ECE,CWR,AE"]
    ),
    st.integers(-(2**32), 2**33),
    st.none() | st.integers(0, 2**33),
    st.lists(st.sampled_from([label.name for label in LABELS]), unique=True, max_size=4),
    st.binary(max_size=64) | st.text(max_size=20).map(str.encode),
    st.lists(st.sampled_from([note.name for note in NOTES]), unique=True, max_size=5),
    st.sampled_from(["", *STATES]),
    st.sampled_from(["", *STATES]),
    st.integers(-(10**6), 10**10),
)
addresses = st.sampled_from(["127.0.0.1", "2001:db8:85a3:1234:5678:8a2e:370:7334", "::1"])


@pytest.mark.slow
@given(st.lists(segments, max_size=12), addresses, st.integers(1, 200), st.booleans(), st.booleans())
def test_no_line_is_wider_and_none_acts(
    sent: list[tuple[Side, str, int, int | None, list[str], bytes, list[str], NextState, NextState, int]],
    address: str,
    width: int,
    ascii_only: bool,
    fold: bool,
) -> None:
    stage = Stage(client=EndpointAddress(address, 65535))
    for sender, flags, seq, ack, labels, payload, notes, client, server, after_us in sent:
        stage.send(
            sender, flags, seq, ack, " ".join(labels),
            payload=payload, notes=" ".join(notes), client=client, server=server, after_us=after_us,
        )  # fmt: skip
    for line in ladder_lines(lay_out(stage.connection(), fold=fold), Style(width, ascii=ascii_only)):
        assert columns(line) <= width
        assert line.isprintable()
        assert line.isascii() or not ascii_only
