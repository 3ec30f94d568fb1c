from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.analysis import reading
from analyzer.analysis.reading import ORDINARY, Reading, stored_file
from analyzer.capture import open_capture
from analyzer.check.captures import record_capture
from analyzer.compare.both_captures import compare_captures
from analyzer.errors import CaptureFormatError, InputError, UsageError
from analyzer.explain.one_frame import explain
from analyzer.verify.beside_tshark import verify
from tests.capture.builders import COMPRESSORS

ECHO = Path(__file__).parents[2] / "captures" / "echo.pcap"


def test_a_stored_file_can_be_read_twice() -> None:
    assert stored_file(ECHO) == str(ECHO)


@pytest.mark.parametrize(
    "refusing",
    [
        stored_file,
        lambda path: Reading(display_filter="tcp").for_file(str(path)),
        lambda path: explain(path, 1),
        lambda path: compare_captures(path, ECHO),
        lambda path: compare_captures(ECHO, path),
        verify,
        lambda path: record_capture(str(path)),
    ],
)
def test_what_can_be_read_only_once_is_refused_in_one_sentence(tmp_path: Path, refusing: object) -> None:
    assert callable(refusing)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("-", pipe):
        with pytest.raises(UsageError, match=r"^the capture has to be read twice, .* in a file first$"):
            refusing(path)


def test_what_is_not_a_capture_is_refused_by_our_reader(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a capture")
    with pytest.raises(CaptureFormatError):
        stored_file(tmp_path / "text")
    with pytest.raises(InputError, match="directory"):
        stored_file(tmp_path)
    with pytest.raises(InputError):
        stored_file(tmp_path / "nothing")


def test_a_filter_chooses_frames(tshark: str) -> None:
    assert Reading(display_filter="tcp.flags.syn == 1").for_file(str(ECHO)).frames == {1, 2}
    assert ORDINARY.for_file(str(ECHO)) is ORDINARY


def test_how_many_connections_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "echo.pcap.gz"
    packed.write_bytes(COMPRESSORS["gzip"](ECHO.read_bytes()))
    monkeypatch.setattr(reading, "CONNECTIONS_HELD", 70)
    monkeypatch.setattr(reading, "CONNECTIONS_HELD_OF_A_MEBIBYTE", 60)
    for path, chosen, held in ((ECHO, None, 70), (packed, None, 60), (packed, 99, 99), (ECHO, 2, 2)):
        with open_capture(path) as records:
            assert Reading(hold=chosen).limit(records) == held
    monkeypatch.setattr(reading, "CONNECTIONS_HELD_OF_A_MEBIBYTE", 80)
    with open_capture(packed) as records:
        assert ORDINARY.limit(records) == 70
        with pytest.raises(UsageError, match="at least 2"):
            Reading(hold=1).limit(records)


def test_the_limit_of_what_is_decompressed(tmp_path: Path) -> None:
    packed = tmp_path / "echo.pcap.gz"
    packed.write_bytes(COMPRESSORS["gzip"](ECHO.read_bytes()))
    with Reading(decompress_limit=200).open(str(packed)) as records:
        while records.advance():
            pass
        assert records.truncated
