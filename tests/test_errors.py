from __future__ import annotations

import inspect
import re

import pytest

from analyzer import errors
from analyzer.errors import (
    AnalyzerError,
    CaptureFormatError,
    DissectionError,
    InputError,
    OutputError,
    UsageError,
)
from analyzer.lab.promise import PromiseError

CLASSES = [AnalyzerError, UsageError, InputError, CaptureFormatError, DissectionError, OutputError]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_one_of_ours_and_says_its_sentence(error: type[AnalyzerError]) -> None:
    assert issubclass(error, AnalyzerError)
    raised = error("this is wrong: do that")
    assert str(raised) == "this is wrong: do that"
    assert raised.exit_status == 2


def test_no_capture_is_a_kind_of_unreadable_input() -> None:
    assert issubclass(CaptureFormatError, InputError)


def test_all_are_offered() -> None:
    defined = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert set(errors.__all__) == {error.__name__ for error in CLASSES} <= defined


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    drawn = dict(re.findall(r"(\w+Error) +(\d+) ", errors.__doc__ or ""))
    for error in CLASSES:
        assert drawn.pop(error.__name__) == str(error.exit_status)
    assert drawn == {PromiseError.__name__: str(PromiseError.exit_status)}
