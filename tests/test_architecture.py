"""The shape of the tree: which module may import which, where tests lie, what no file may hold."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "analyzer"

# layer -> the layers it stands on, besides its own and those that these stand on. `errors` and `text` lie
# under everything. A module or folder directly under analyzer/ is a layer of its name.
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "text": (),
    "signals": (),
    "wire": ("errors", "text"),
    "capture": ("errors", "text", "signals"),
    "tcp": ("wire",),
    "trace": ("tcp",),
    "analysis": ("trace", "capture"),
    "compare": ("analysis",),
    "explain": ("analysis",),
    "verify": ("analysis",),
    "diagram": ("compare",),
    "filters": ("errors", "text"),
    "report": ("diagram", "explain", "verify", "filters", "signals"),
    "check": ("report",),
    "lab": ("check",),
    "pytest_plugin": ("check",),
    "commands": ("lab", "check"),
    "cli": ("commands",),
    "__main__": ("cli",),
}

# What the package itself offers (`from analyzer import analyze`) is for its users and loads what it names;
# inside, only the top and the version may be had that way.
MAY_USE_THE_FRONT_DOOR = {"cli", "__main__"}
FREE_NAMES: set[str] = set()

# tcp/ says what TCP means: no I/O, no clock, nothing installed but the numbers and arrays of mypyc.
TCP_THIRD_PARTY = {"librt", "mypy_extensions"}
TCP_BANNED = {
    "asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "random", "select", "shutil",
    "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip

MAY_EXIT = {"cli"}

# The end of a process that was forked, which must not tidy up what is its parent's.
FORKS = {"analyzer.capture.decompress_ahead": "os._exit"}

# Tests that look at the whole and so have no module of their own.
WHOLE_TREE_TESTS = {
    "test_architecture.py",
    "test_builds.py",  # compiled and interpreted against each other
    "test_captures.py",  # every recording in captures/ against the JSON kept beside it
    "test_corpus.py",  # the captures of other projects against what tshark says of them
    "test_hostile_text.py",  # a capture full of it, through every command and format
    "test_import_budget.py",
    "test_integrations.py",  # what is offered to CI services
    "test_memory.py",  # the worst small files, and what the whole tool takes to read them
    "test_never_broken.py",  # the rules of tests/fuzz/ and every malformed capture
    "test_readme.py",
}

# Written in two parts, or this file would be the first finding.
REGISTRY_HOSTS = tuple(
    name + "." + domain
    for name, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("anaconda", "org"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
    ]
)


def under(layer: str) -> set[str]:
    """Every layer that `layer` may import, its own included."""
    allowed = {layer, "errors", "text"}
    for lower in LAYERS[layer]:
        allowed |= under(lower)
    return allowed


# `errors` and `text` know nothing, of each other either.
ALLOWED = {layer: under(layer) if LAYERS[layer] else {layer} for layer in LAYERS}


def violations(module: str, source: str) -> list[str]:
    """What `source`, as the text of the module `module` (`analyzer.tcp.states`), does against the rules."""
    parts = module.split(".")
    if len(parts) == 1:
        return []  # analyzer/__init__.py imports lazily and may name anything
    layer = parts[1]
    if layer not in LAYERS:
        return [f"{module}: is in no layer: LAYERS in tests/test_architecture.py has to say where it stands"]
    tree = ast.parse(source)
    found = [
        f"{module}:{line}: {fault}"
        for line, imported, names in imports(module, tree)
        for fault in import_faults(layer, imported, names)
    ]
    if layer not in MAY_EXIT:
        found += [
            f"{module}:{line}: exits; only cli.py does"
            for line, name in exits(tree)
            if name != FORKS.get(module)
        ]
    if layer == "tcp":
        found += [f"{module}:{line}: does I/O: {name}()" for line, name in calls(tree, {"open", "input"})]
    return found


def imports(module: str, tree: ast.AST) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every import wherever it stands, as line, absolute module, and the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                # Level 1 is the folder. (Of an __init__.py that is the module itself, which `module` does
                # not tell apart; relative imports are banned anyway and this only makes them seen.)
                base = ".".join([*module.split(".")[: -node.level], *([base] if base else [])])
            yield node.lineno, base, tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and name_of(node.func) in {"import_module", "__import__"}:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value, ()


def import_faults(layer: str, imported: str, names: tuple[str, ...]) -> Iterator[str]:
    top, _, rest = imported.partition(".")
    if top != PACKAGE:
        if layer == "tcp":
            if top not in sys.stdlib_module_names and top not in TCP_THIRD_PARTY:
                yield f"tcp imports {top}, which has to be installed"
            if top in TCP_BANNED:
                yield f"tcp imports {top}: it does no I/O and reads no clock"
        return
    # `from analyzer import tcp` and `import analyzer.tcp` mean the same layer.
    for lower in [rest.partition(".")[0]] if rest else names or ("",):
        if lower in LAYERS:
            if lower not in ALLOWED[layer]:
                yield f"{layer} imports {lower}, which is not below it"
        elif rest:
            yield f"{layer} imports {imported}, which is in no layer"
        elif lower not in FREE_NAMES and layer not in MAY_USE_THE_FRONT_DOOR:
            yield f"{layer} imports {lower or PACKAGE} by the front door: name the module that defines it"


def exits(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if name_of(raised) == "SystemExit":
                yield node.lineno, "SystemExit"
        elif isinstance(node, ast.ImportFrom) and node.module in {"sys", "os"}:
            for name in sorted({alias.name for alias in node.names} & {"exit", "_exit", "abort"}):
                yield node.lineno, name
    yield from calls(tree, {"exit", "quit", "sys.exit", "os._exit", "os.abort"})


def calls(tree: ast.AST, wanted: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = ast.unparse(node.func)
            if name in wanted:
                yield node.lineno, name


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name, or nothing for any other expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def modules() -> list[Path]:
    return sorted((ROOT / PACKAGE).rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_run_one_way_and_only_the_command_exits() -> None:
    found = [fault for path in modules() for fault in violations(dotted(path), path.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("analyzer.wire.ip", "from analyzer.tcp.states import State", "wire imports tcp"),
        ("analyzer.wire.ip", "import analyzer.tcp", "wire imports tcp"),
        ("analyzer.wire.ip", "from analyzer import tcp", "wire imports tcp"),
        ("analyzer.wire.ip", "from ..tcp import states", "wire imports tcp"),
        ("analyzer.wire.ip", "from .. import tcp", "wire imports tcp"),
        ("analyzer.wire.ip", "def f():\n    import analyzer.cli", ":2: wire imports cli"),
        (
            "analyzer.trace.values",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from analyzer.report.text_report import X",
            ":3: trace imports report",
        ),
        ("analyzer.trace.values", "import importlib\nimportlib.import_module('analyzer.cli')", "imports cli"),
        ("analyzer.capture.files", "from analyzer.wire.segment import Segment", "capture imports wire"),
        ("analyzer.trace.values", "from analyzer.diagram.layout import Lifeline", "trace imports diagram"),
        ("analyzer.diagram.layout", "from analyzer.report.svg import draw", "diagram imports report"),
        ("analyzer.text", "from analyzer.errors import AnalyzerError", "text imports errors"),
        ("analyzer.report.text_report", "from analyzer import analyze", "by the front door"),
        ("analyzer.report.text_report", "import analyzer", "by the front door"),
        ("analyzer.report.text_report", "import analyzer.helpers", "in no layer"),
        ("analyzer.helpers", "", "in no layer"),
        ("analyzer.tcp.states", "import numpy", "has to be installed"),
        ("analyzer.tcp.states", "from time import monotonic_ns", "reads no clock"),
        ("analyzer.tcp.states", "def f(path):\n    return open(path)", ":2: does I/O"),
        ("analyzer.analysis.stored", "import sys\nsys.exit(2)", ":2: exits"),
        ("analyzer.analysis.stored", "from sys import exit", "exits"),
        ("analyzer.analysis.stored", "raise SystemExit(2)", "exits"),
        ("analyzer.analysis.stored", "raise SystemExit", "exits"),
        ("analyzer.capture.open", "import os\nos._exit(0)", ":2: exits"),
        ("analyzer.capture.decompress_ahead", "import sys\nsys.exit(0)", ":2: exits"),
    ],
)
def test_a_breach_is_found(module: str, source: str, fault: str) -> None:
    found = violations(module, source)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("analyzer", "from analyzer.cli import main"),
        (
            "analyzer.cli",
            "import sys\nfrom analyzer import analyze\nfrom analyzer.lab import stage\nsys.exit(0)",
        ),
        ("analyzer.__main__", "from analyzer.cli import main\nmain()"),
        (
            "analyzer.analysis.stored",
            "from analyzer import __version__\nimport analyzer.capture.open, analyzer.check",
        ),
        (
            "analyzer.report.svg",
            "from analyzer.diagram.layout import Arrow\nfrom analyzer.wire import header",
        ),
        ("analyzer.tcp.states", "from __future__ import annotations\nfrom mypy_extensions import i64"),
        ("analyzer.tcp.states", "from analyzer.tcp import sequence\nfrom analyzer.text import say"),
        ("analyzer.capture.decompress_ahead", "import os\nos._exit(0)"),
        ("analyzer.lab.echo", "try:\n    pass\nexcept SystemExit:\n    pass"),
    ],
)
def test_what_is_allowed_is_left_alone(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_every_module_has_its_tests() -> None:
    missing = []
    for path in modules():
        if path.stem in {"__init__", "__main__"}:
            continue
        folder = path.relative_to(ROOT / PACKAGE).parent
        mirror = ROOT / "tests" / folder / f"test_{path.stem.lstrip('_')}.py"
        if not mirror.exists():
            missing.append(f"{path.relative_to(ROOT)} has no {mirror.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)


def test_every_test_has_its_module() -> None:
    orphans = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests")
        name = path.stem.removeprefix("test_")
        folder = ROOT / PACKAGE / place.parent
        # An __init__.py has its tests beside the folder: tests/test_tcp.py, and test_analyzer.py at the top.
        subjects = [folder / f"{name}.py", folder / f"_{name}.py", folder / name / "__init__.py"]
        if place.parent == Path():
            subjects.append(ROOT / name / "__init__.py")
        if place.as_posix() not in WHOLE_TREE_TESTS and not any(subject.exists() for subject in subjects):
            orphans.append(f"tests/{place} mirrors no module of {PACKAGE}/")
    assert not orphans, "\n".join(orphans)


def tree_files() -> Iterator[Path]:
    """Every file somebody wrote: what .gitignore leaves out is left out, without needing git."""
    made = {".git", ".hypothesis", ".venv", "__pycache__", "build", "dist", "htmlcov", "reports"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [n for n in folders if n not in made and not n.endswith(("_cache", ".egg-info"))]
        yield from (Path(folder, name) for name in names)


def test_no_file_names_a_package_registry() -> None:
    # Where packages come from is for whoever installs them to say: a mirror, a proxy, a folder of wheels.
    hosts = [host.encode() for host in REGISTRY_HOSTS]
    found = []
    for path in tree_files():
        # A recording of somebody's traffic may hold any name.
        if path.suffix in {".pcap", ".pcapng", ".gz"} or not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {h.decode()}" for h in hosts if h in line.lower()]
    assert not found, "\n".join(found)
