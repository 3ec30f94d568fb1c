from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.errors import InputError
from analyzer.tcp.notes import (
    FAST_RETRANSMISSION,
    RETRANSMISSION,
    REUSED_PORTS,
    SPURIOUS_RETRANSMISSION,
    SYN_RETRANSMISSION,
    note_names,
)
from tools.truth import (
    NAMES,
    Agreement,
    Observed,
    ZeekRow,
    by_frame,
    expected_masks,
    main,
    measure,
    observe,
    page,
)

ROOT = Path(__file__).resolve().parent.parent.parent
OPEN = ROOT / "captures" / "simultaneous-open.pcap"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A corpus of two captures, with the notes of the first and one that nobody found of the other."""
    for name, window_full in (("simultaneous-open", []), ("echo", [5])):
        shutil.copy(ROOT / "captures" / f"{name}.pcap", tmp_path)
        segments = observe(ROOT / "captures" / f"{name}.pcap")[1][0]
        notes: dict[str, list[int]] = {"window_full": window_full}
        for segment in segments:
            for note in note_names(segment.wireshark):
                notes.setdefault(note, []).append(segment.frame)
        truth = {"streams": [{"packets_ab": len(segments), "packets_ba": 0, "analysis": notes}]}
        (tmp_path / f"{name}.pcap.truth.json").write_text(json.dumps(truth))
    return tmp_path


def test_what_is_observed() -> None:
    machines, segments = observe(OPEN)
    assert [int(machine.number) for machine in machines] == [0]
    assert [segment.frame for segment in segments[0]] == list(range(1, 14))
    assert [segment.frame for segment in segments[0] if segment.corrections] == [3, 4]


def test_the_general_name_stands_beside_the_particular_one() -> None:
    listed = {
        "retransmission": [1, 2, 3],
        "fast_retransmission": [2],
        "spurious_retransmission": [3],
        "reused_ports": [3],
    }
    assert expected_masks(listed) == {
        1: 1,
        2: FAST_RETRANSMISSION,
        3: SPURIOUS_RETRANSMISSION | REUSED_PORTS,
    }


def test_counts(small: Path) -> None:
    counted = measure(small)
    assert (counted.captures, counted.aside, counted.connections, counted.segments) == (2, [], 2, 23)
    assert (counted.theirs["retransmission"], counted.theirs["window_full"]) == (2, 1)
    assert (counted.strict["retransmission"], counted.strict["window_full"]) == (2, 0)
    assert counted.rules == {("retransmission", "simultaneous-open"): 2}
    assert (counted.disagreeing, counted.unexplained) == (1, 0)


def test_a_capture_in_which_tshark_sees_other_segments_is_named(small: Path) -> None:
    truth = small / "echo.pcap.truth.json"
    told = json.loads(truth.read_text())
    told["streams"][0]["packets_ab"] += 1
    truth.write_text(json.dumps(told))
    counted = measure(small)
    assert (counted.aside, counted.connections) == (["echo.pcap"], 1)
    assert "Not so `echo.pcap`: unexplained." in page(counted)


def test_the_segments_of_one_frame_have_one_list_of_notes() -> None:
    first = Observed(5, 0, 2, 0, 0, 0, 0)
    again = Observed(5, 0, 2, 0, SYN_RETRANSMISSION, RETRANSMISSION, 4)
    other = Observed(6, 1, 18, 0, 0, 0, 0)
    assert list(by_frame([first, again, other])) == [
        Observed(5, 0, 2, 0, SYN_RETRANSMISSION, RETRANSMISSION, 4),
        other,
    ]


def test_page() -> None:
    counted = Agreement()
    counted.zeek = [
        ZeekRow("a.pcap", 3, ("SF", "ShADadFf"), ("SF", "ShADaFf")),
        ZeekRow("b.pcap", 0, ("S0", "S"), ("S0", "S")),
    ]
    made = page(counted)
    assert all(f"| `{name}` |" in made for name in NAMES)
    assert "1 of" in made
    assert "| a.pcap | 3 | SF ShADadFf | SF ShADaFf |" in made


def test_command(small: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    run = CliRunner().invoke(main, [str(small), "--directory", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "docs" / "truth.md").read_text() == page(measure(small))
    run = CliRunner().invoke(main, [str(tmp_path / "docs")])
    assert run.exit_code == InputError.exit_status
    assert "holds no truth" in run.output
