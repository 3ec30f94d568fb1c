"""Public docstrings are in Google's style, so that a documentation tool can render them.

A module, or a folder with all its modules, joins `CONVERTED` when its docstrings are in that style. It never leaves it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

PACKAGE: Final = Path(__file__).resolve().parent.parent / "analyzer"

CONVERTED: Final = (
    "__init__.py",
    "__main__.py",
    "cli.py",
    "errors.py",
    "pytest_plugin.py",
    "signals.py",
    "text.py",
    "analysis",
    "capture",
    "commands",
    "lab",
    "wire",
)
MODULES: Final = sorted(
    path.relative_to(PACKAGE).as_posix()
    for name in CONVERTED
    for path in ((PACKAGE / name).rglob("*.py") if (PACKAGE / name).is_dir() else [PACKAGE / name])
)

SECTIONS: Final = ("Args", "Returns", "Yields", "Raises", "Attributes")

_SECTION: Final = re.compile(rf"({'|'.join(SECTIONS)}):")
_ENTRY: Final = re.compile(r" {4}\*{0,2}(\w+): \S")
_NAMED: Final = re.compile(r"`?[a-z_]\w*`?(, `?[a-z_]\w*`?)*: ")


class Documented(NamedTuple):
    """A public class, function or method.

    Attributes:
        place: Its name, for messages.
        text: Its docstring, without indentation; empty if it has none.
        names: The parameters of a function, or the public fields of a class.
    """

    place: str
    text: str
    names: frozenset[str]


def documented(source: str) -> Iterator[Documented]:
    """Find everything in a module that needs a docstring."""
    module = ast.parse(source)
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield Documented(node.name, docstring(node), parameters(node))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield Documented(node.name, docstring(node), fields(node))
            for method in node.body:
                if not isinstance(method, ast.FunctionDef):
                    continue
                place = f"{node.name}.{method.name}"
                # A constructor needs a docstring only if it says more than the class.
                if not method.name.startswith("_") or (method.name == "__init__" and docstring(method)):
                    yield Documented(place, docstring(method), parameters(method))


def docstring(node: ast.FunctionDef | ast.ClassDef) -> str:
    return ast.get_docstring(node) or ""


def parameters(function: ast.FunctionDef) -> frozenset[str]:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    named += [one for one in (given.vararg, given.kwarg) if one is not None]
    return frozenset(one.arg for one in named) - {"self", "cls"}


def fields(node: ast.ClassDef) -> frozenset[str]:
    """The public fields that a class declares, or that its constructor sets."""
    names = {
        line.target.id
        for line in node.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            names |= {
                target.attr
                for line in ast.walk(method)
                if isinstance(line, ast.Assign | ast.AnnAssign)
                for target in (line.targets if isinstance(line, ast.Assign) else [line.target])
                if isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
            }
    return frozenset(name for name in names if not name.startswith("_"))


def faults(found: Documented) -> list[str]:
    """What is not in Google's style in a docstring."""
    if not found.text:
        return [f"{found.place}: it has no docstring"]
    wrong = []
    section = ""
    entries: dict[str, set[str]] = {}
    for line in found.text.splitlines():
        if start := _SECTION.fullmatch(line):
            section = start[1]
            entries[section] = set()
        elif line and not line.startswith(" "):
            if section:
                wrong.append(f"{found.place}: text after the section {section}: {line}")
            elif _NAMED.match(line):
                wrong.append(f"{found.place}: a name that belongs into a section: {line}")
        elif section and (entry := _ENTRY.match(line)):
            entries[section].add(entry[1])
    for kind in ("Args", "Attributes"):
        if kind in entries and entries[kind] != found.names:
            odd = ", ".join(sorted(entries[kind] ^ found.names))
            wrong.append(f"{found.place}: {kind} differ from the code: {odd}")
    return wrong


@pytest.mark.parametrize("module", MODULES)
def test_public_docstrings_are_in_the_style(module: str) -> None:
    source = (PACKAGE / module).read_text(encoding="utf-8")
    assert [fault for found in documented(source) for fault in faults(found)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it has no docstring"),
        ("Do it.\n\na: how. b: when.", "a name that belongs into a section: a: how. b: when."),
        ("Do it.\n\na, b: how.", "a name that belongs into a section: a, b: how."),
        ("Do it.\n\nArgs:\n    a: How.", "Args differ from the code: b"),
        ("Do it.\n\nArgs:\n    a: How.\n    b: When.\n    c: Why.", "Args differ from the code: c"),
        ("Do it.\n\nArgs:\n    a: How.\n    b: When.\n\nMore.", "text after the section Args: More."),
    ],
)
def test_what_is_not_in_the_style_is_found(text: str, fault: str) -> None:
    assert faults(Documented("f", text, frozenset({"a", "b"}))) == [f"f: {fault}"]


@pytest.mark.parametrize(
    "text",
    [
        "Do it.",
        "Do it: now.\n\nIt has a note: this one.",
        "Do it.\n\nArgs:\n    a: How, which is\n        a long story: two lines.\n    *b: When.\n\nReturns:\n    It.",
    ],
)
def test_what_is_in_the_style_has_no_fault(text: str) -> None:
    assert faults(Documented("f", text, frozenset({"a", "b"}))) == []


def test_everything_public_is_looked_at() -> None:
    source = '''
class A:
    """An A."""
    x: int
    def __init__(self, y: int) -> None:
        """Make it."""
        self.y = y
        self._z: int = y
    def run(self, *most: int) -> None: ...
    def _hidden(self) -> None: ...
def f(a: int, /, *, b: int, **c: int) -> None: ...
'''
    found = {one.place: one.names for one in documented(source)}
    assert found == {
        "A": {"x", "y"},
        "A.__init__": {"y"},
        "A.run": {"most"},
        "f": {"a", "b", "c"},
    }
