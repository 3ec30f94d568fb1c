"""What the commands share when they report."""

from __future__ import annotations

import pytest

from analyzer.commands.output import name_of, say_what_is_left


def test_the_folder_is_named_after_the_capture() -> None:
    assert name_of("a/b.pcapng.gz") == "b"
    assert name_of("-") == "stdin"


def test_that_more_could_be_drawn_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say_what_is_left(2, 2)
    assert capsys.readouterr().out == ""
    say_what_is_left(2, 3)
    assert "the first 2 of 3 connections" in capsys.readouterr().out
