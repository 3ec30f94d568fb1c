"""Opening a capture: whatever can be wrong with it as a whole is said here, in one sentence."""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

from analyzer.capture.formats import refusal
from analyzer.capture.pcap import FILE_HEADER_OCTETS, PCAP_MAGICS, PcapRecords
from analyzer.capture.pcapng import PCAPNG_MAGIC, SECTION_HEADER_OCTETS, PcapngRecords
from analyzer.capture.records import Records
from analyzer.capture.source import (
    GZIP_MAGIC,
    GzipOctets,
    Octets,
    octets_of_path,
    octets_of_standard_input,
    reason_of,
)
from analyzer.errors import CaptureFormatError, InputError
from analyzer.text import say

__all__ = ["open_capture", "open_stream"]


def open_capture(path: str | os.PathLike[str]) -> Records:
    """The records of the capture at `path`, before the first; `-` is standard input.

    A file and a FIFO do alike. Raises InputError where it cannot be opened or read, CaptureFormatError where
    it is no capture or its file header is broken.
    """
    octets = octets_of_standard_input() if os.fspath(path) == "-" else octets_of_path(path)
    file = octets.file()
    records = _records(octets)
    records.file = file
    return records


def open_stream(stream: BinaryIO, name: str) -> Records:
    """The records of a capture that comes from `stream`: anything with `read(n)`, short reads allowed.

    name: what messages call it. The stream is never seeked, and it stays open: its opener closes it.
    Raises InputError or CaptureFormatError, as `open_capture` does.
    """
    return _records(Octets(stream, name, False))


def _records(octets: Octets) -> Records:
    try:
        return _recognised(octets)
    except BaseException:
        octets.close()
        raise


def _recognised(octets: Octets) -> Records:
    try:
        if octets.peek(2) == GZIP_MAGIC:
            octets = GzipOctets(octets)
        magic = octets.peek(4)
        if magic in PCAP_MAGICS:
            header_octets, capture_format = FILE_HEADER_OCTETS, "pcap"
        elif magic == PCAPNG_MAGIC:
            header_octets, capture_format = SECTION_HEADER_OCTETS, "pcapng"
        else:
            raise refusal(octets.held(), octets.name)
        header = octets.peek(header_octets)
    except (EOFError, zlib.error) as error:
        raise CaptureFormatError(
            say(
                "{path} is a damaged gzip file ({reason}): copy it again",
                path=octets.name,
                reason=reason_of(error),
            )
        ) from error
    except OSError as error:
        raise InputError(
            say(
                "{path} cannot be read ({reason}): copy it to another place and try there",
                path=octets.name,
                reason=reason_of(error),
            )
        ) from error
    if len(header) < header_octets:
        raise CaptureFormatError(
            say(
                "{path} ends after {count} octets, inside its {format} file header: "
                "it was cut off, so record or copy it again",
                path=octets.name,
                count=len(header),
                format=capture_format,
            )
        )
    return PcapRecords(octets) if capture_format == "pcap" else PcapngRecords(octets)
