"""Recognises, from its first bytes, a file that is not a readable capture, and says what to do with it."""

from __future__ import annotations

import codecs
from typing import Final

from analyzer.capture.compression import compression_of
from analyzer.errors import CaptureFormatError
from analyzer.text import say

__all__ = ["refusal"]

_COMPRESSIONS: Final = (
    (b"\x02\x21\x4c\x18", "lz4 (legacy format)", "lz4 -d"),
    (b"\x1f\x9d", "compress", "uncompress"),
    (b"LZIP", "lzip", "lzip -d"),
    (b"PK\x03\x04", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x"),
)

_OTHER_CAPTURES: Final = (
    (b"btsnoop\0", "btsnoop"),
    (b"GMBU", "Microsoft Network Monitor 2"),
    (b"RTSS", "Microsoft Network Monitor 1"),
    (b"TRSNIFF data    \x1a", "Network General Sniffer"),
    (b"XCP\0", "NetXRay"),
    (b"iptrace 1.0", "AIX iptrace"),
    (b"iptrace 2.0", "AIX iptrace"),
    (b"\x7fver", "EtherPeek"),
    (b"\xaa\xaa\xaa\xaa", "5View"),
    (b"\x00\x00\x02\x00\x12\x05\x00\x10", "Tektronix K12"),
    (b"\x1c\x00\x01\xab", "Ixia lcap"),
    (b"\xab\x01\x00\x1c", "Ixia lcap"),
    (b"\x1c\x00\x01\xac", "Ixia lcap"),
    (b"\xac\x01\x00\x1c", "Ixia lcap"),
)

_TEXT_SAMPLE: Final = 512


def refusal(first: bytes, name: str, compression: str = "") -> CaptureFormatError:
    """Make the error for a file that is not a readable capture.

    Args:
        first: Its first bytes: all that are there, and at least six unless the file is shorter.
        name: The name of the file in the sentence, harmless.
        compression: The compression of these bytes in the file; empty if they were not compressed.

    Returns:
        The error, to be raised.
    """
    inner = compression_of(first)
    if inner:
        return CaptureFormatError(
            say(
                "{path} is compressed twice ({inner} inside {outer}): decompress it first with {outer} -d",
                path=name,
                inner=inner,
                outer=compression,
            )
        )
    if not first:
        return CaptureFormatError(say("{path} is empty: record the capture again", path=name))
    for magic, unread, command in _COMPRESSIONS:
        if first.startswith(magic):
            return CaptureFormatError(
                say(
                    "{path} uses {compression} compression, which is not supported: decompress it first with {command}",
                    path=name,
                    compression=unread,
                    command=command,
                )
            )
    for magic, kind in _OTHER_CAPTURES:
        if first.startswith(magic):
            return CaptureFormatError(
                say(
                    "{path} is a capture in {kind} format, which is not supported: "
                    "convert it first with editcap -F pcap",
                    path=name,
                    kind=kind,
                )
            )
    if _is_text(first[:_TEXT_SAMPLE]):
        return CaptureFormatError(
            say(
                "{path} is a text file, not a capture: give the pcap or pcapng file that holds the packets",
                path=name,
            )
        )
    return CaptureFormatError(
        say(
            "{path} is not a pcap, pcapng or snoop file (first bytes: {bytes}): check that it is the "
            "right file, or convert it with editcap -F pcap",
            path=name,
            bytes=first[:4].hex(" "),
        )
    )


def _is_text(sample: bytes) -> bool:
    encoding = "utf-16" if sample[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        # Incremental, because the sample may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(
        character.isprintable() or character in "\t\n\r\f\v\ufeff" for character in text
    )
