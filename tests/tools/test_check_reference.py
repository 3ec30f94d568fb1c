"""docs/check.md names everything there is."""

from __future__ import annotations

from analyzer.check.expectations import expectation
from analyzer.check.formats import FORMATS
from analyzer.check.patterns import SYNTAX, Pattern
from analyzer.filters.comparisons import OPERATORS
from analyzer.filters.keys import ALIASES
from analyzer.report.selection import keys
from tools.check_reference import CLOSES, check_page


def test_everything_is_named() -> None:
    page = check_page(keys())
    for name in [*OPERATORS, *FORMATS, *ALIASES]:
        assert f"| `{name}` |" in page
    for name, key in keys().all.items():
        assert (f"| `{name}` |" in page) is (key.default is None)
    assert "`three-segment`" in page


def test_what_is_shown_can_be_written() -> None:
    for example in SYNTAX:
        assert Pattern(example).text == example
    for _, holds, _ in CLOSES:
        for one in holds:
            assert expectation(keys(), one).source == one
