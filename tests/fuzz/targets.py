"""What is fuzzed, and what has to hold for any bytes whatever.

A target takes bytes and gives nothing. It raises where something that always has to hold does not, and lets any
exception through but an `AnalyzerError`, which is how a file that is no capture is refused. What is dear is done
for a sample, chosen by the bytes themselves, so that a found case shows itself again.
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from xml.etree import ElementTree

import jsonschema

from analyzer.analysis.growing import follow
from analyzer.analysis.stored import analyze
from analyzer.capture import open_stream
from analyzer.capture.compression import is_compressed
from analyzer.capture.records import MOST_WARNINGS, Records
from analyzer.diagram.layout import lay_out
from analyzer.errors import AnalyzerError
from analyzer.explain.one_frame import explain
from analyzer.report.document import schema, write_document
from analyzer.report.explanation_text import explanation_lines
from analyzer.report.picture import svg
from analyzer.report.sentences import reason_sentence
from analyzer.report.terminal import Style
from analyzer.report.text_report import report_lines
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from analyzer.tcp.states import STATES
from analyzer.trace.values import Trace
from analyzer.wire.option_list import list_options
from analyzer.wire.options import Options
from tests.capture.builders import enhanced, interface, section

__all__ = ["LINK_TYPES", "MOST_SECONDS", "TARGETS", "bounded", "pack_frame"]

MOST_SECONDS: Final = 10.0
"""Processor time that one execution may take before it counts as a hang."""

LINK_TYPES: Final = (
    1, 0, 101, 12, 14, 108, 113, 228, 229, 276, 3, 6, 7, 8, 9, 10, 50, 51, 100, 104, 105, 107, 117, 119, 122,
    127, 129, 137, 143, 147, 163, 166, 178, 187, 189, 192, 195, 220, 227, 239, 249, 251, 253, 109, 112, 130,
    131, 132, 133, 134, 135, 138, 177, 180, 181, 182, 183, 184, 194, 200, 204, 205, 206, 209, 212, 240, 242,
    248, 258, 259, 260, 266, 271, 280, 281, 65535,
)  # fmt: skip
"""The link types a fuzzed frame can have, by the byte that chooses one. Append only: kept cases name them so."""

_MOST_DECOMPRESSED: Final = 4 << 20

LABEL_NAMES: Final = frozenset(label.name for label in LABELS)
NOTE_NAMES: Final = frozenset(note.name for note in NOTES)
STATE_NAMES: Final = frozenset(STATES)


def options(data: bytes) -> None:
    """The options of a TCP header, by the parser of record and by the list for people."""
    parsed = Options()
    for complete in (True, False):
        parsed.parse(b"\xff" + data + b"\xff" * 3, 1, len(data), complete)
        assert -1 <= parsed.maximum_segment_size < 1 << 16
        assert -1 <= parsed.window_scale <= 14
        assert -1 <= parsed.timestamp_value < 1 << 32
        assert 0 <= parsed.sack_blocks <= 31
        assert -1 <= parsed.fast_open_cookie <= 253
        listed = list_options(data, complete=complete, base=len(data) if data[:1] > b"\x7f" else None)
        assert b"".join(option.raw for option in listed) == data
        assert all(f"{option.name}{option.value}{option.fault}".isprintable() for option in listed)
        assert parsed.well_formed or any(option.fault for option in listed)


def pack_frame(link_type: int, frame: bytes, cut: int = 0) -> bytes:
    """A frame as the target `frames` takes it. cut: bytes that the capture left out."""
    return struct.pack("!BBH", LINK_TYPES.index(link_type), min(cut, 255), len(frame)) + frame


def frames(data: bytes) -> None:
    """Frames of any link type, through decoder, unwrapping and state machine."""
    at = 0
    blocks: list[bytes] = []
    links: list[bytes] = []
    while at + 4 <= len(data):
        link, cut, length = struct.unpack_from("!BBH", data, at)
        frame = data[at + 4 : at + 4 + length]
        at += 4 + length
        links.append(interface(LINK_TYPES[link % len(LINK_TYPES)]))
        blocks.append(enhanced(frame, 1_000_000 + at, len(blocks), original=len(frame) + cut))
    _follow(section() + b"".join(links) + b"".join(blocks), data, dear=32)


def records(data: bytes) -> None:
    """The walk over the records of a file, whole and in small pieces."""
    _compare(data, None)


def compressed(data: bytes) -> None:
    """The walk over the records of a compressed file, whole and in small pieces."""
    _compare(data, _MOST_DECOMPRESSED)


def files(data: bytes) -> None:
    """A whole file, to every report."""
    _follow(data, data, dear=8)


def bounded(target: Callable[[bytes], None], data: bytes) -> None:
    """One execution; raises TimeoutError where it took longer than MOST_SECONDS."""
    before = time.process_time()
    target(data)
    spent = time.process_time() - before
    if spent > MOST_SECONDS:
        raise TimeoutError(f"one execution took {spent:.1f} s")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "options": options,
    "frames": frames,
    "records": records,
    "compressed": compressed,
    "files": files,
}
"""Name -> what is fuzzed."""


class _Pieces:
    """A pipe that gives seven bytes a read."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, count: int) -> bytes:
        return self._stream.read(min(count, 7))


def _compare(data: bytes, limit: int | None) -> None:
    seen = _walked(io.BytesIO(data), limit)
    if not _chosen(data, 8):
        return
    again = _walked(cast(BinaryIO, _Pieces(data)), limit)
    if len(seen[0]) == 1 and len(again[0]) == 1:
        return  # What kind of file it is that is no capture may be told from more bytes or from fewer.
    if is_compressed(data):
        # Of a damaged stream the bytes just before the fault may come out or not.
        shorter = min(len(seen), len(again)) - 1
        assert seen[:shorter] == again[:shorter]
    else:
        assert seen == again


def _walked(stream: BinaryIO, limit: int | None = None) -> list[tuple[object, ...]]:
    """What there is to say of every record, or of the refusal."""
    try:
        return list(_walk(open_stream(stream, "fuzzed", limit)))
    except AnalyzerError as error:
        return [(_harmless(str(error)),)]


def _harmless(sentence: str) -> str:
    assert sentence.isprintable()
    return sentence


def _walk(opened: Records) -> Iterator[tuple[object, ...]]:
    last = 0
    with opened as records:
        while records.advance():
            data = records.block[records.offset : records.offset + records.captured]
            assert len(data) == records.captured
            assert records.frame > last
            last = int(records.frame)
            yield (last, records.time_ns, records.link_type, records.original, zlib.crc32(data))
        assert not records.advance()
        assert len(records.warnings) <= MOST_WARNINGS + 1
        assert all(warning.isprintable() for warning in records.warnings)
        assert records.warnings or not records.truncated
        yield (records.truncated, *records.warnings, *records.link_types)


def _chosen(data: bytes, one_in: int) -> bool:
    return zlib.crc32(data) % one_in == 0


def _follow(capture: bytes, data: bytes, *, dear: int) -> None:
    """To the trace; one in `dear` also to the reports, one in 8 of these to a file and back, and to a picture."""
    try:
        with open_stream(io.BytesIO(capture), "fuzzed") as records:
            following = follow(records, "fuzzed")
            for _ in following:
                pass
            trace = following.trace()
    except AnalyzerError as error:
        _harmless(str(error))
        return
    _check(trace)
    if not _chosen(data, dear):
        return
    for width, ascii_only in ((80, False), (40, True)):
        for line in report_lines(trace, Style(width=width, ascii=ascii_only)):
            assert line.isprintable(), line
            assert line.isascii() or not ascii_only, line
    text = _document(trace)
    assert text.isascii()
    if _chosen(data, dear * 8):
        _validator().validate(json.loads(text))
        _again(trace, capture, text)
        for connection in trace.connections[:1]:
            ElementTree.fromstring(svg(lay_out(connection)))


def _again(trace: Trace, capture: bytes, text: str) -> None:
    """From a file, which is read in another way, the same document; and the explanations of some segments."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fuzzed")
        path.write_bytes(capture)
        stored = _document(analyze(path))
        assert stored.replace(json.dumps(str(path))[1:-1], "fuzzed") == text
        segments = [segment for connection in trace.connections for segment in connection.segments]
        for segment in segments[:3]:
            for line in explanation_lines(explain(path, segment.frame), Style(width=80)):
                assert line.isprintable(), line


def _check(trace: Trace) -> None:
    # A frame may hold several segments, so that there may be more of them than frames.
    skipped = sum(trace.capture.skipped.values())
    assert skipped <= trace.capture.frames <= skipped + trace.capture.tcp_segments
    assert all(warning.isprintable() for warning in trace.capture.warnings)
    count = 0
    for connection in trace.connections:
        for segment in connection.segments:
            count += 1
            assert segment.labels
            assert LABEL_NAMES.issuperset(segment.labels)
            assert NOTE_NAMES.issuperset(segment.notes)
            assert STATE_NAMES.issuperset((*segment.client_state, *segment.server_state))
            assert all(reason_sentence(reason).isprintable() for reason in segment.why)
            assert segment.length >= 0
    assert count == trace.capture.tcp_segments


def _document(trace: Trace) -> str:
    stream = io.StringIO()
    write_document(trace, stream)
    return stream.getvalue()


@cache
def _validator() -> Any:
    return jsonschema.Draft202012Validator(schema())
