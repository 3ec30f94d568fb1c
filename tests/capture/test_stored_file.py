from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.capture.stored_file import StoredFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "capture"
    path.write_bytes(bytes(100))
    return path


def test_how_far_it_has_been_read(path: Path) -> None:
    with path.open("rb", buffering=0) as stream:
        file = StoredFile(stream)
        assert (file.position(), file.size) == (0, 100)
        stream.read(30)
        assert (file.position(), file.size) == (30, 100)
        assert file.change("it") is None
    os.truncate(path, 10)
    assert file.change("it") is None


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (40, "it became shorter while it was read, from 100 to 40 bytes"),
        (140, "it grew while it was read, from 100 to 140 bytes"),
    ],
)
def test_another_size(path: Path, data: int, sentence: str) -> None:
    with path.open("rb", buffering=0) as stream:
        file = StoredFile(stream)
        os.truncate(path, data)
        assert (file.change("it") or "").startswith(sentence)


def test_other_bytes(path: Path) -> None:
    with path.open("rb", buffering=0) as stream:
        file = StoredFile(stream)
        os.utime(path, ns=(1, 1))
        assert (file.change("it") or "").startswith("it was written to while it was read")


def test_a_pipe_is_no_file() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream, pytest.raises(ValueError, match="p"):
        StoredFile(stream)
