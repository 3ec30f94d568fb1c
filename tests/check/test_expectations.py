"""Expectations from a line and from a file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest

from analyzer.check.expectations import (
    ALL,
    Line,
    choice_of,
    expectation,
    lines_of,
    read_expectations,
)
from analyzer.errors import InputError, UsageError
from analyzer.report.selection import keys

FILE = """\
#:schema tcpanalyze-expect-1.schema.json
[capture]
connections = 2          # how many
skipped.UDP = 4
frames = "> 3"

[[connections]]
number = 0
close.outcome = "three-segment"
"handshake".rtt = '< 50ms'
close.time_wait = ["client"]
labels = "handshake-1 ..."

[[connections]]
only = "server.port == 20000"
allow_none = true
close.outcome = ["three-segment", "four-segment"]
history = "= in F"
verdict = "opened, 2 bytes"
close.data_lost = false

[connections.data.client]
bytes = 2
segments = 6
"""


def test_a_file() -> None:
    read = read_expectations(keys(), FILE.encode(), "echo.expect.toml")
    assert [str(one.comparison) for one in read] == [
        "capture.connections = 2",
        "capture.skipped.UDP = 4",
        "capture.frames > 3",
        "close.outcome = three-segment",
        "close.time_wait = client",
        "handshake.rtt < 50 ms",
        "labels = handshake-1 ...",
        "close.outcome in three-segment, four-segment",
        "close.data_lost = false",
        'history = "in F"',
        'verdict = "opened, 2 bytes"',
        "data.client.bytes = 2",
        "data.client.segments = 6",
    ]
    assert [one.source for one in read[:4]] == [f"echo.expect.toml:{line}" for line in (3, 4, 5, 9)]
    assert str(read[3]) == "close.outcome = three-segment for number 0"
    assert str(read[0]) == "capture.connections = 2"
    assert read[-1].choice.allow_none
    assert read[-1].choice.only is not None
    assert (read[-1].table, read[0].table) == (1, -1)


def test_one_table_is_about_all_connections() -> None:
    (read,) = read_expectations(keys(), b"[connections]\nclose = 'reset'", "x")
    assert read.choice == ALL
    assert (read.source, read.written) == ("x:2", "close")


@pytest.mark.parametrize(
    ("number", "takes"),
    [("3", {3}), ("[0, 2]", {0, 2}), ('"1..2"', {1, 2}), ('[0, "2..3"]', {0, 2, 3})],
)
def test_numbers(number: str, takes: set[int]) -> None:
    (read,) = read_expectations(keys(), f"[[connections]]\nnumber = {number}\nclose = 'open'".encode(), "x")
    assert {one for one in range(5) if read.choice.takes({"id": one})} == takes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[capture", "x is not a TOML file"),
        ("a = '\xff'", "x is not a TOML file"),
        (f"[capture]\nframes = {'9' * 5000}", "x is not a TOML file"),
        (f"[capture]\nframes = {'[' * 5000}", "x is not a TOML file"),
        ("[conections]", "conections is not a table of expectations: did you mean connections"),
        ("connections = 3", "connections is not a table"),
        ("capture = 3", "capture is not a table"),
        ("[capture]\nfrmes = 3", r"x:2: there is no key capture.frmes: did you mean capture.frames\?"),
        ("[capture]\nframes = 'many'", "x:2: capture.frames cannot be many"),
        (
            "[[connections]]\nclose.outcom = 'open'",
            r"x:2: there is no key close.outcom: did you mean close.outcome",
        ),
        ("[[connections]]\nclose = 'opne'", r"x:2: close.outcome cannot be opne: did you mean open\?"),
        ("[[connections]]\nclose = 2020-01-01", "cannot be expected"),
        ("[[connections]]\nclose = []", "close.outcome cannot be"),
        ("[[connections]]\nframes = 3", r"move it to the table \[capture\]"),
        ("[[connections]]\nnumber = 'x'\nclose = 'open'", "x:2: number cannot be"),
        ("[[connections]]\nnumber = '3..1'\nclose = 'open'", "x:2: number cannot be"),
        ("[[connections]]\nnumber = true\nclose = 'open'", "write the number of one"),
        ("[[connections]]\nonly = 3\nclose = 'open'", "only is not a text"),
        ("[[connections]]\nonly = 'id'\nclose = 'open'", "x:2: the filter 'id' is not valid"),
        ("[[connections]]\nallow_none = 3\nclose = 'open'", "allow_none is neither true nor false"),
        ("[[connections]]\nclose = 'open'\n[connections.only.x]\ny = 1", "only is not a text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises((UsageError, InputError), match=words):
        read_expectations(keys(), text.encode("latin-1"), "x")


def test_lines() -> None:
    text = (
        '[a]\n x.y = "s # t" # why\n\n[[connections]]\nl = [1, 2]\nm = [\n 1 ]\n'
        '[connections."q"]\nz = 1\n[capture]\nf=2\n'
    )
    assert list(lines_of(text)) == [
        Line(1, -1, ""),
        Line(2, -1, "x.y", " x.y = ", '"s # t"', " # why"),
        Line(4, 0, ""),
        Line(5, 0, "l", "l = ", "[1, 2]", ""),
        Line(8, 0, ""),
        Line(9, 0, "q.z", "z = ", "1", ""),
        Line(10, -1, ""),
        Line(11, -1, "f", "f=", "2", ""),
    ]


def test_a_line_of_the_command() -> None:
    choice = choice_of(keys(), [3, 5], "server.port == 1", True)
    made = expectation(keys(), "close=reset", choice)
    assert made.source == "close=reset"
    assert str(made) == "close.outcome = reset for number 3, 5 and server.port == 1"
    described = {"id": 3, "server": {"port": 1}}
    assert choice.takes(described)
    assert not choice.takes({**described, "id": 4})
    assert not choice.takes({**described, "server": {"port": 2}})
    assert choice_of(keys(), [], None, False) == ALL


def test_the_recorded_files_of_the_project_are_read(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "captures"
    for file in folder.glob("*.expect.toml"):
        assert read_expectations(keys(), file.read_bytes(), file.name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("close", "write KEY OPERATOR VALUE"),
        ("close ~ reset", "the operators are =, !=, <, <=, >, >=, in, contains"),
        ("labels < data", "a pattern either matches or does not"),
        ("clos = reset", "there is no key clos: did you mean close"),
    ],
)
def test_what_is_no_expectation(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        expectation(keys(), text)


@pytest.mark.parametrize("text", ["labels  =  handshake-1   ...", "labels == handshake-1 ... "])
def test_a_pattern_is_shown_with_single_blanks(text: str) -> None:
    assert str(expectation(keys(), text).comparison) == "labels = handshake-1 ..."


@pytest.mark.parametrize(
    "text", ["close = {}x", "history contains x{}x", "{}x", "verdict ={}", 'close = "{}', "close in a,{}x"]
)
def test_twice_the_blanks_take_twice_the_time(text: str) -> None:
    def seconds(blanks: int) -> float:
        start = process_time()
        with suppress(UsageError):
            expectation(keys(), text.format(" " * blanks))
        return process_time() - start

    # Not the square: that would be four times, and minutes.
    assert min(seconds(60_000) for _ in range(5)) < 3 * min(seconds(30_000) for _ in range(5)) + 0.1


def test_blanks_in_a_file_take_no_time() -> None:
    start = process_time()
    with pytest.raises(UsageError, match="cannot be"):
        read_expectations(keys(), f"[connections]\nclose = '= a{' ' * 60_000}b'".encode(), "x.toml")
    assert process_time() - start < 1
