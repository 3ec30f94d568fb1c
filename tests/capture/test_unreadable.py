from __future__ import annotations

import pytest

from analyzer.capture.unreadable import refusal


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"", "x is empty"),
        (
            b"\x02\x21\x4c\x18\0",
            "x uses lz4 (legacy format) compression, which is not supported: decompress it first with lz4 -d",
        ),
        (b"PK\x03\x04\x14", "x uses zip compression, which is not supported: decompress it first with unzip"),
        (b"GMBU\x01\x02", "x is a capture in Microsoft Network Monitor 2 format"),
        (b"RTSS\x01\x02", "x is a capture in Microsoft Network Monitor 1 format"),
        (b"iptrace 2.0\0", "x is a capture in AIX iptrace format"),
        (b"hello, world\n", "x is a text file, not a capture"),
        (b"a", "x is a text file"),
        ("握手".encode() * 100, "x is a text file"),
        ("握手".encode() + "握".encode()[:2], "x is a text file"),
        ("\ufeffhello".encode(), "x is a text file"),
        ("hello".encode("utf-16"), "x is a text file"),
        (
            b"\xde\xad\xbe\xef\x01",
            "x is not a pcap, pcapng or snoop file (first bytes: de ad be ef)",
        ),
        (b"\x00", "x is not a pcap, pcapng or snoop file (first bytes: 00)"),
        (b"\x1b[31m", "x is not a pcap, pcapng or snoop file (first bytes: 1b 5b 33 31)"),
        (b"\xff\xfe\x00", "x is not a pcap, pcapng or snoop file (first bytes: ff fe 00)"),
    ],
)
def test_what_it_is_and_what_to_do(first: bytes, said: str) -> None:
    assert str(refusal(first, "x")).startswith(said)


def test_compressed_twice_is_refused() -> None:
    said = str(refusal(b"\x28\xb5\x2f\xfd\x04\0", "x", "xz"))
    assert said == "x is compressed twice (zstd inside xz): decompress it first with xz -d"
