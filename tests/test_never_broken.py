"""Whatever a file holds: an answer or one sentence, the part before the fault, and nothing that acts on a reader.

The rules are those of `tests/fuzz/targets.py`. Here each runs for seconds on what hypothesis makes of small captures,
and on every case that the fuzzer has ever found.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from tests.fuzz.page import LOG, PAGE, page
from tests.fuzz.seeds import LONGEST, seeds_of
from tests.fuzz.targets import TARGETS, bounded

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted((ROOT / "tests" / "fuzz" / "cases").iterdir())
SEEDS = {
    target: sorted(seeds_of(target, sorted((ROOT / "captures").glob("*.pcap*"))), key=zlib.crc32)[:60]
    for target in TARGETS
}
EXAMPLES = {"options": 1000, "frames": 400, "records": 500, "compressed": 400, "files": 200}


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """A seed of the target with a few bytes replaced, taken out, put in or moved."""
    data = bytearray(draw(st.sampled_from(SEEDS[target])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        new = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"]))
        )
        data[at : at + draw(st.sampled_from([0, len(new), len(new), 40]))] = new
    return bytes(data[: draw(st.integers(len(data) // 2, len(data)))])


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_whatever_the_bytes(target: str) -> None:
    @settings(max_examples=EXAMPLES[target], suppress_health_check=list(HealthCheck))
    @given(mutated(target))
    def holds(data: bytes) -> None:
        bounded(TARGETS[target], data)

    holds()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_found_once(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The dear rules too, which a target applies to a sample only.
    monkeypatch.setattr("tests.fuzz.targets._chosen", lambda data, one_in: True)
    bounded(TARGETS[case.name.partition("-")[0]], case.read_bytes())


def test_every_target_has_seeds_and_a_bound() -> None:
    assert set(LONGEST) == set(TARGETS) == set(EXAMPLES)
    assert all(SEEDS.values())


@pytest.mark.parametrize(
    ("rule", "break_it"),
    [
        ("an exception", lambda data: {}[data]),
        ("a hang", lambda data: None),
    ],
)
def test_a_breach_is_noticed(
    rule: str, break_it: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.targets.MOST_SECONDS", -1.0)
    with pytest.raises(KeyError if rule == "an exception" else TimeoutError):
        bounded(break_it, b"x")


@pytest.mark.slow
def test_what_is_before_a_fault_is_reported(corpus_capture: Path) -> None:
    """As many frames as an independent reader of the container, and whether and why it ends before its end."""
    container: dict[str, Any] = json.loads(
        corpus_capture.with_name(corpus_capture.name + ".truth.json").read_bytes()
    )["container"]
    capture = analyze(corpus_capture).capture
    if container["format"] != "other":
        assert capture.frames == container["records"]
        assert capture.truncated == ("bad_record" in container or container.get("truncated_tail", False))
    assert bool(capture.warnings) or not capture.truncated
    # A frame may hold several segments.
    assert sum(capture.skipped.values()) <= capture.frames
    assert sum(capture.skipped.values()) + capture.tcp_segments >= capture.frames


def test_the_page_on_fuzzing_is_that_of_the_log() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_the_fuzzer_has_run_ten_million_times() -> None:
    runs = json.loads(LOG.read_text("utf-8"))
    assert sum(run["executions"] for run in runs) >= 10_000_000
