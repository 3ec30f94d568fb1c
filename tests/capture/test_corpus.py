"""Every capture of the corpus against what another reader and tshark say of it.

The corpus lies in the folder named by TCPANALYZE_CORPUS, else in ../shared/corpus beside the repository.
Without it these tests are skipped, except where CI is set: there they fail.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from analyzer.capture import open_capture
from analyzer.errors import CaptureFormatError
from tests.capture.reading import frames_of

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("TCPANALYZE_CORPUS", ROOT.parent / "shared" / "corpus"))
SUFFIX = ".truth.json"
NAMES = sorted(path.name.removesuffix(SUFFIX) for path in CORPUS.glob("*" + SUFFIX))


def truth_of(name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((CORPUS / (name + SUFFIX)).read_bytes())
    return truth


def test_there_is_a_corpus() -> None:
    if NAMES:
        return
    message = f"no captures with their truth in {CORPUS}: set TCPANALYZE_CORPUS"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.mark.parametrize("name", NAMES)
def test_a_capture_of_the_corpus(name: str) -> None:
    truth = truth_of(name)
    container = truth["container"]
    if container["format"] == "other":
        with pytest.raises(CaptureFormatError, match=r"decompress it first|convert it first"):
            open_capture(CORPUS / name)
        return
    with open_capture(CORPUS / name) as records:
        frames = frames_of(records)
    expected = container["records"]
    assert len(frames) == expected
    assert [frame.frame for frame in frames] == list(range(1, expected + 1))
    assert records.format == container["format"]
    assert sorted(records.link_types) == container["linktypes"]
    assert records.truncated == ("bad_record" in container or container.get("truncated_tail", False))
    assert bool(records.warnings) == records.truncated
    if truth["packets"] == expected:
        snapped = sum(len(frame.octets) < frame.original for frame in frames)
        assert snapped == truth["frames_info"]["snapped"]
    times = {frame.frame: frame.time_ns for frame in frames}
    for stream in truth["streams"]:
        for end in ("first", "last"):
            seconds, fraction = stream[end + "_time"].split(".")
            assert times[stream[end + "_frame"]] == int(seconds) * 1_000_000_000 + int(fraction)
