"""The frames of a running capture, without a capture program: see test_live.py for whole captures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast

from analyzer.capture import open_capture
from analyzer.capture.live_records import LiveRecords
from analyzer.capture.marker import Marker
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.capture.records import Records
from analyzer.capture.waiting import Waiting
from tests.capture.builders import LOOPBACK, pcap

MARK, MARK_OF_ANOTHER = b"mark", b"mark of another"


class Session:
    def __init__(self) -> None:
        self.told: list[int | str] = []

    def meet(self, number: int) -> None:
        self.told.append(number)

    def conclude(self) -> None:
        self.told.append("end")


class Stream(io.BytesIO):
    @property
    def seen(self) -> bool:
        return bool(self.getvalue())


class Marks:
    def number_in(self, records: Records) -> int:
        start = int(records.offset)
        frame = records.block[start : start + int(records.captured)]
        return {MARK: 7, MARK_OF_ANOTHER: -1}.get(frame, 0)


def live_records(session: Session, data: bytes, writer: PcapWriter | None = None) -> LiveRecords:
    marker = cast(Marker, Marks()) if data else None
    return LiveRecords(
        cast(Waiting, Stream(data)),
        "lo",
        writer,
        marker,
        meet=session.meet,
        conclude=session.conclude,
    )


def test_frames_are_given_and_kept_without_the_markers(tmp_path: Path) -> None:
    session = Session()
    frames = [b"first", MARK, b"second", MARK_OF_ANOTHER]
    writer = PcapWriter(tmp_path / "kept.pcap")
    records = live_records(session, pcap(frames, link_type=LOOPBACK), writer)
    given = []
    while records.advance():
        start = int(records.offset)
        given.append((int(records.frame), records.block[start : start + int(records.captured)]))
    writer.close()
    assert given == [(1, b"first"), (2, b"second")]
    assert session.told == [7, "end"]
    assert records.link_types == [LOOPBACK]
    assert not records.advance()
    assert session.told == [7, "end"]
    with open_capture(tmp_path / "kept.pcap") as kept:
        assert [kept.advance() for _ in range(3)] == [True, True, False]
        assert kept.frame == 2


def test_what_is_cut_off_is_told() -> None:
    session = Session()
    records = live_records(session, pcap([b"first", b"second"])[:-1])
    assert records.advance()
    assert not records.advance()
    assert records.truncated
    assert "capture truncated" in records.warnings[0]
    assert session.told == ["end"]


def test_nothing_at_all_is_no_fault() -> None:
    session = Session()
    records = live_records(session, b"")
    assert not records.advance()
    assert (records.truncated, list(records.warnings), session.told) == (False, [], ["end"])
