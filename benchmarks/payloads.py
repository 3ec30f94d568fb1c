"""What the connections of benchmarks/traffic.py carry: requests and answers of TLS, HTTP, and lines.

A dissector does with them what it does with real ones: the records of TLS, and the lengths of HTTP, hold across
segments. What is enciphered does not shrink when it is compressed, and text does.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

_POOL: Final = Random(20_000).randbytes(1 << 18)
"""What is enciphered, or packed: taken from here, from a place that differs each time."""

_WORDS: Final = (
    b"the segment was sent again after a second because its acknowledgement had been lost on the way back while "
    b"another connection from the same host went on without any loss and closed with four segments as usual"
).split()
_TEXT: Final = b" ".join(Random(9293).choices(_WORDS, k=40_000))

_MOST_IN_A_RECORD: Final = 1 << 14
_RECORD_HEAD: Final = 5
_HANDSHAKE, _APPLICATION_DATA = 22, 23
_CHANGE_CIPHER_SPEC: Final = bytes.fromhex("140303000101")
_CIPHERS: Final = bytes.fromhex("130113021303c02bc02f")


class Application(NamedTuple):
    """port: of the server. request, answer: (whether it is the first, bytes, random numbers) -> so many bytes."""

    port: int
    request: Callable[[bool, int, Random], bytes]
    answer: Callable[[bool, int, Random], bytes]


def _from(pool: bytes, size: int, chance: Random) -> bytes:
    begin = chance.randrange(len(pool))
    taken = pool[begin : begin + size]
    while len(taken) < size:
        taken += pool[: size - len(taken)]
    return taken


def _record(kind: int, body: bytes) -> bytes:
    """RFC 8446 5.1."""
    return bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body


def _records(size: int, chance: Random) -> bytes:
    """Application data: so many bytes in records of about equal size."""
    count = -(-size // (_MOST_IN_A_RECORD + _RECORD_HEAD))
    sizes = [size * (place + 1) // count - size * place // count for place in range(count)]
    return b"".join(_record(_APPLICATION_DATA, _from(_POOL, size - _RECORD_HEAD, chance)) for size in sizes)


def _handshake(kind: int, body: bytes) -> bytes:
    return _record(_HANDSHAKE, bytes((kind,)) + len(body).to_bytes(3, "big") + body)


def _extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def _tls_request(first: bool, size: int, chance: Random) -> bytes:
    if not first or size < 160:
        return _records(size, chance)
    name = b"www.example.com"
    head = b"\3\3" + _from(_POOL, 32, chance) + b"\x20" + _from(_POOL, 32, chance)
    head += len(_CIPHERS).to_bytes(2, "big") + _CIPHERS + b"\1\0"
    listed = b"\0" + len(name).to_bytes(2, "big") + name
    extensions = _extension(0, len(listed).to_bytes(2, "big") + listed) + _extension(43, b"\2\3\4")
    padding = size - _RECORD_HEAD - 4 - len(head) - 2 - len(extensions) - 4
    extensions += _extension(21, bytes(padding))  # RFC 7685
    return _handshake(1, head + len(extensions).to_bytes(2, "big") + extensions)


def _tls_answer(first: bool, size: int, chance: Random) -> bytes:
    if not first:
        return _records(size, chance)
    chosen = b"\3\3" + _from(_POOL, 32, chance) + b"\x20" + _from(_POOL, 32, chance) + _CIPHERS[:2] + b"\0"
    extensions = _extension(43, b"\3\4")
    hello = _handshake(2, chosen + len(extensions).to_bytes(2, "big") + extensions) + _CHANGE_CIPHER_SPEC
    return hello + _records(size - len(hello), chance)


def _http_request(first: bool, size: int, chance: Random) -> bytes:
    head = b"GET /%d HTTP/1.1\r\nHost: www.example.com\r\nCookie: " % chance.randrange(1000)
    return head + _from(_TEXT, size - len(head) - 4, chance) + b"\r\n\r\n"


def _http_answer(first: bool, size: int, chance: Random) -> bytes:
    packed = chance.random() < 0.3
    kind, pool = (b"application/byte-stream", _POOL) if packed else (b"text/plain", _TEXT)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %05d\r\n\r\n"
    body = size - len(head % (kind, 0))
    return head % (kind, body) + _from(pool, body, chance)


def _lines(first: bool, size: int, chance: Random) -> bytes:
    return _from(_TEXT, size - 1, chance) + b"\n"


TLS: Final = Application(443, _tls_request, _tls_answer)
HTTP: Final = Application(80, _http_request, _http_answer)
LINES: Final = Application(20_000, _lines, _lines)


def application(chance: Random) -> Application:
    """That of a connection: most are TLS, as they are everywhere."""
    return chance.choices((TLS, HTTP, LINES), (70, 20, 10))[0]
