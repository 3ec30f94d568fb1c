"""Open a capture. Every fault of the file as a whole is reported here, in one sentence."""

from __future__ import annotations

import os
from typing import BinaryIO

from analyzer.capture.compression import MAGIC_BYTES, CompressedBytes, is_compressed
from analyzer.capture.pcap import FILE_HEADER_BYTES, PCAP_MAGICS, PcapRecords
from analyzer.capture.pcapng import PCAPNG_MAGIC, SECTION_HEADER_BYTES, PcapngRecords
from analyzer.capture.read_ahead import ReadAhead
from analyzer.capture.records import Records
from analyzer.capture.snoop import SNOOP_HEADER_BYTES, SNOOP_MAGIC, SnoopRecords
from analyzer.capture.source import (
    Bytes,
    SourceFault,
    SourceRefusal,
    bytes_of_path,
    bytes_of_standard_input,
    keep_blocks,
    reason_of,
)
from analyzer.capture.stored_file import StoredFile
from analyzer.capture.unreadable import refusal
from analyzer.errors import CaptureFormatError, InputError
from analyzer.text import said, say

__all__ = ["open_capture", "open_stream"]


def open_capture(path: str | os.PathLike[str], decompress_limit: int | None = None) -> Records:
    """Open a capture.

    Args:
        path: A file or a FIFO. "-" is standard input.
        decompress_limit: Decompressed size limit in bytes. 0 means no limit. None means 256 MiB, or 200 times the
            compressed bytes read so far if that is more. At the limit the reading stops as if the capture were
            truncated there.

    Returns:
        The records, before the first one.

    Raises:
        InputError: The capture cannot be opened or read.
        CaptureFormatError: The file is not a capture, or its file header is damaged.
    """
    keep_blocks()
    data = bytes_of_standard_input() if os.fspath(path) == "-" else bytes_of_path(path)
    return _records(data, decompress_limit, data.file())


def open_stream(stream: BinaryIO, name: str, decompress_limit: int | None = None) -> Records:
    """Open a capture that comes from a stream.

    Args:
        stream: Anything with `read(n)`. It may return fewer bytes than asked for. It is never seeked, and the caller
            closes it.
        name: The name of the stream in messages.
        decompress_limit: As for `open_capture`.

    Returns:
        The records, before the first one.

    Raises:
        InputError: The stream cannot be read.
        CaptureFormatError: The stream is not a capture, or its file header is damaged.
    """
    return _records(Bytes(stream, name, False), decompress_limit)


def _records(data: Bytes, decompress_limit: int | None, file: StoredFile | None = None) -> Records:
    try:
        return _recognised(data, decompress_limit, file)
    except BaseException:
        data.close()
        raise


def _recognised(data: Bytes, decompress_limit: int | None, file: StoredFile | None) -> Records:
    compressed: CompressedBytes | None = None
    try:
        if is_compressed(data.peek(MAGIC_BYTES)):
            data = compressed = CompressedBytes(data, decompress_limit)
        magic = data.peek(4)
        if magic in PCAP_MAGICS:
            header_bytes, capture_format = FILE_HEADER_BYTES, "pcap"
        elif magic == PCAPNG_MAGIC:
            header_bytes, capture_format = SECTION_HEADER_BYTES, "pcapng"
        elif data.peek(len(SNOOP_MAGIC)) == SNOOP_MAGIC:
            header_bytes, capture_format = SNOOP_HEADER_BYTES, "snoop"
        else:
            raise refusal(data.held(), data.name, compressed.compression if compressed else "")
        header = data.peek(header_bytes)
    except SourceRefusal as error:
        raise CaptureFormatError(
            say("cannot read {path}: {reason}", path=data.name, reason=said(error.reason))
        ) from error
    except SourceFault as error:
        raise CaptureFormatError(
            say(
                "{path} is a damaged {compression} file ({reason}): copy it again",
                path=data.name,
                compression=compressed.compression if compressed else "",
                reason=said(error.reason),
            )
        ) from error
    except OSError as error:
        raise InputError(
            say(
                "{path} cannot be read ({reason}): copy it to another folder and try again",
                path=data.name,
                reason=reason_of(error),
            )
        ) from error
    if len(header) < header_bytes:
        raise CaptureFormatError(
            say(
                "{path} is truncated: it ends after {count} bytes, inside its {format} file header; "
                "record or copy it again",
                path=data.name,
                count=len(header),
                format=capture_format,
            )
        )
    reader = {"pcap": PcapRecords, "pcapng": PcapngRecords, "snoop": SnoopRecords}[capture_format]
    # A source that is not a file may pause at any time, and the bytes that are there must not wait for more.
    if file is not None:
        if compressed is None:
            data = ReadAhead(data, file)
        else:
            from analyzer.capture.decompress_ahead import DecompressAhead

            data = DecompressAhead(compressed, file)
    records: Records = reader(data)
    records.compressed = compressed is not None
    records.file = file
    return records
