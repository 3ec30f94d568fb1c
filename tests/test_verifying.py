"""Our pass beside tshark's: what is said of the frames on which both differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.dissection import version_of_tshark
from analyzer.errors import CaptureFormatError, InputError, UsageError
from analyzer.verifying import ANNOUNCED, VERSION, WIRESHARK_NAMES, verify

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = sorted((ROOT / "captures").glob("*.pcap*"))


def test_the_version_is_the_one_that_the_definitions_follow(tshark: str) -> None:
    assert version_of_tshark() == VERSION
    assert len(WIRESHARK_NAMES) == 15
    assert ANNOUNCED not in WIRESHARK_NAMES


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_every_recording(tshark: str, capture: Path) -> None:
    verification = verify(capture)
    found = list(verification)
    assert all(item.rules for item in found)
    assert verification.unexplained == 0
    assert verification.frames == verification.agreeing + len(found) > 0
    strict = verify(capture, wireshark=True)
    assert list(strict) == []
    assert strict.agreeing == strict.frames == verification.frames


def test_a_deliberate_difference_has_its_rule(tshark: str) -> None:
    found = list(verify(ROOT / "captures" / "simultaneous-open.pcap"))
    assert [item.frame for item in found] == [3, 4]
    assert {(item.about, item.ours, item.wireshark, item.rules) for item in found} == {
        ("notes", (), ("retransmission",), ("simultaneous-open",))
    }


def test_what_cannot_be_verified(tmp_path: Path, tshark: str) -> None:
    with pytest.raises(UsageError, match="store it in a file first"):
        verify("-")
    with pytest.raises(InputError):
        verify(tmp_path / "nothing.pcap")
    (tmp_path / "text.pcap").write_text("no capture at all")
    with pytest.raises(CaptureFormatError):
        verify(tmp_path / "text.pcap")


def test_a_capture_that_breaks_off_is_compared_as_far_as_it_goes(tmp_path: Path, tshark: str) -> None:
    whole = (ROOT / "captures" / "echo.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[:-10])
    verification = verify(tmp_path / "cut.pcap")
    assert list(verification) == []
    assert verification.frames == verification.agreeing == 9
    assert len(verification.warnings) == 1
