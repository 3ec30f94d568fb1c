"""The shape of the tree: which module may import which, where tests lie, what no file may hold, and that the maps and
every list of exceptions are true."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from analyzer.commands import COMMANDS
from tests.conftest import ON_THE_WIRE, scope_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "analyzer"

# layer -> the layers it stands on, besides its own and those that these stand on. `errors` and `text` lie
# under everything. A module or folder directly under analyzer/ is a layer of its name. ARCHITECTURE.md has the same
# table for readers.
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "text": (),
    "signals": (),
    "wire": ("text",),
    "capture": ("errors", "text", "signals"),
    "tcp": ("wire",),
    "trace": ("tcp",),
    "analysis": ("trace", "capture"),
    "compare": ("analysis",),
    "explain": ("analysis",),
    "verify": ("analysis",),
    "diagram": ("compare",),
    "filters": ("errors", "text"),
    "report": ("diagram", "explain", "filters"),
    "check": ("report",),
    "lab": ("report",),
    "pytest_plugin": ("report",),
    "commands": ("lab", "check", "verify"),
    "cli": ("commands",),
    "__main__": ("cli",),
}

# What the package itself offers (`from analyzer import analyze`) is for its users and loads what it names;
# inside, only the version may be had that way.
FREE_NAMES = {"__version__"}

# Beside the package, and not installed with it.
NOT_INSTALLED = {"benchmarks", "tests", "tools"}

# tcp/ says what TCP means: no I/O, no clock, nothing installed but the numbers and arrays of mypyc.
TCP_THIRD_PARTY = {"librt", "mypy_extensions"}
TCP_BANNED = {
    "asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "random", "select", "shutil",
    "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip

MAY_EXIT = {"cli"}

# The end of a process that was forked, which must not tidy up what is its parent's.
FORKS = {"analyzer.capture.decompress_ahead": "os._exit"}

# Values carry keys and messages, so that a document is the same in every language: below these layers only an
# error is said. `filters` makes no value: it says what is wrong with what a user wrote, in several steps.
MAY_SPEAK = {"text", "filters", "explain", "verify", "report", "check", "lab", "commands", "cli"}

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
    "test_releasing.py",  # the changelog, the version, the wheels and the addresses
    "test_docstrings.py",  # the style of every public docstring
    "test_words.py",  # every rendered output, for old words
}

# Lines of a module.
LONGEST = 600

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
    if layer not in MAY_SPEAK:
        found += [f"{module}:{line}: says what is no error" for line in sayings(tree)]
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
        if top in NOT_INSTALLED:
            yield f"{layer} imports {top}, which is not installed with it"
        if layer == "tcp":
            if top not in sys.stdlib_module_names | TCP_THIRD_PARTY | NOT_INSTALLED:
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
        elif lower not in FREE_NAMES:
            yield f"{layer} imports {lower or PACKAGE} by the front door: name the module that defines it"


def test_one_place_makes_a_pass() -> None:
    """Whoever wants segments gets them from `segments`, which knows what a caller could forget."""
    makers = {
        (dotted(path), name)
        for path in modules()
        for name in ("Pass", "ConnectionTable")
        for _ in calls(ast.parse(path.read_text("utf-8")), {name})
    }
    assert makers == {("analyzer.analysis.loop", "Pass"), ("analyzer.analysis.loop", "ConnectionTable")}


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


def sayings(node: ast.AST, failing: bool = False) -> Iterator[int]:
    """The lines of calls of `say` and `said` outside of an error that is raised or made."""
    if isinstance(node, ast.Raise):
        failing = True
    elif isinstance(node, ast.Call):
        name = name_of(node.func)
        failing = failing or name.endswith("Error")
        if name in {"say", "said"} and not failing:
            yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from sayings(child, failing)


def circles(sources: dict[str, str]) -> list[str]:
    """Modules that import each other, however far around and wherever in them: each circle as one line."""
    found: list[list[str]] = []
    graph = {
        module: imported_modules(module, source, sources) - {module} for module, source in sources.items()
    }
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []

    # Tarjan: a module is the first of a circle where nothing below it leads further up than to itself.
    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        path.append(module)
        for other in sorted(graph[module]):
            if other not in order:
                visit(other)
            if other in path:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == order[module]:
            found.append(path[path.index(module) :])
            del path[path.index(module) :]

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return [" <-> ".join(sorted(circle)) for circle in found if len(circle) > 1]


def imported_modules(module: str, source: str, known: Collection[str]) -> set[str]:
    """Those of the `known` modules that `source` imports; the package `analyzer.wire` for a name that it defines."""
    found = set()
    for _, imported, names in imports(module, ast.parse(source)):
        for full in [f"{imported}.{name}" for name in names] or [imported]:
            found |= {full if full in known else imported} & set(known)
    return found


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


@pytest.mark.slow
def test_imports_run_one_way_and_only_the_command_exits() -> None:
    found = [fault for path in modules() for fault in violations(dotted(path), path.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_no_modules_import_each_other() -> None:
    assert circles({dotted(path): path.read_text("utf-8") for path in modules()}) == []


def test_a_circle_is_found_wherever_the_import_stands() -> None:
    sources = {
        "analyzer.wire": "",
        "analyzer.wire.a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from analyzer.wire import b",
        "analyzer.wire.b": "import analyzer.wire.c, analyzer.wire",
        "analyzer.wire.c": "def f():\n    from analyzer.wire.a import X",
        "analyzer.wire.d": "from analyzer.wire.a import X\nfrom analyzer.wire.d import Y",
    }
    assert circles(sources) == ["analyzer.wire.a <-> analyzer.wire.b <-> analyzer.wire.c"]
    assert circles(sources | {"analyzer.wire.c": ""}) == []


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
        ("analyzer.cli", "from analyzer import analyze", "by the front door"),
        ("analyzer.helpers", "", "in no layer"),
        ("analyzer.report.svg", "import tools.documentation", "report imports tools, which is not installed"),
        ("analyzer.tcp.states", "from tests import live", "tcp imports tests, which is not installed"),
        ("analyzer.tcp.states", "import numpy", "has to be installed"),
        ("analyzer.tcp.states", "from time import monotonic_ns", "reads no clock"),
        ("analyzer.tcp.states", "def f(path):\n    return open(path)", ":2: does I/O"),
        ("analyzer.analysis.stored", "import sys\nsys.exit(2)", ":2: exits"),
        ("analyzer.analysis.stored", "from sys import exit", "exits"),
        ("analyzer.trace.build", "from analyzer.text import say\nx = say('a')", ":2: says what is no error"),
        (
            "analyzer.diagram.layout",
            "from analyzer import text\nx = text.said('a')",
            ":2: says what is no error",
        ),
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
            "import sys\nfrom analyzer import __version__\nfrom analyzer.lab import stage\nsys.exit(0)",
        ),
        ("analyzer.__main__", "from analyzer.cli import main\nmain()"),
        (
            "analyzer.analysis.stored",
            "from analyzer import __version__\nimport analyzer.capture.open, analyzer.trace",
        ),
        (
            "analyzer.report.svg",
            "from analyzer.diagram.layout import Arrow\nfrom analyzer.wire import header",
        ),
        ("analyzer.tcp.states", "from __future__ import annotations\nfrom mypy_extensions import i64"),
        ("analyzer.tcp.states", "from analyzer.tcp import sequence\nfrom analyzer.text import say"),
        ("analyzer.capture.open", "from analyzer.text import say\nraise InputError(say('a')) from error"),
        ("analyzer.capture.open", "from analyzer.text import say\ndef f():\n    return InputError(say('a'))"),
        ("analyzer.capture.open", "from analyzer.text import Message\nx = Message('a')"),
        ("analyzer.report.ladder", "from analyzer.text import say\nx = say('a')"),
        ("analyzer.capture.decompress_ahead", "import os\nos._exit(0)"),
        ("analyzer.lab.echo", "try:\n    pass\nexcept SystemExit:\n    pass"),
    ],
)
def test_what_is_allowed_is_left_alone(module: str, source: str) -> None:
    assert violations(module, source) == []


def taken() -> Iterator[tuple[str, str, str]]:
    """What is imported in the package: the layer that imports, the module, and the name taken from it or nothing."""
    for path in modules():
        _, _, below = dotted(path).partition(".")
        for _, imported, names in imports(dotted(path), ast.parse(path.read_text("utf-8"))):
            for name in names or ("",):
                yield below.partition(".")[0], imported, name


@pytest.mark.slow
def test_every_entry_of_the_lists_above_matches_something() -> None:
    """What is allowed and never done misleads the reader, and hides the day on which somebody does it."""
    found = list(taken())
    arrows = {
        # `from analyzer import tcp` and `import analyzer.tcp` mean the same layer.
        (layer, imported.split(".")[1] if "." in imported else name)
        for layer, imported, name in found
        if imported.split(".")[0] == PACKAGE
    }
    exiting = {
        (dotted(path), name) for path in modules() for _, name in exits(ast.parse(path.read_text("utf-8")))
    }
    unused = {
        "LAYERS": {(layer, lower) for layer, lowers in LAYERS.items() for lower in lowers} - arrows,
        "FREE_NAMES": FREE_NAMES - {name for layer, imported, name in found if layer and imported == PACKAGE},
        "TCP_THIRD_PARTY": TCP_THIRD_PARTY
        - {what.split(".")[0] for layer, what, _ in found if layer == "tcp"},
        "NOT_INSTALLED": {name for name in NOT_INSTALLED if not (ROOT / name).is_dir()},
        "MAY_EXIT": MAY_EXIT - {module.split(".")[1] for module, _ in exiting},
        "FORKS": FORKS.items() - exiting,
        "WHOLE_TREE_TESTS": {name for name in WHOLE_TREE_TESTS if not (ROOT / "tests" / name).exists()},
        "ON_THE_WIRE": {place for place in ON_THE_WIRE if not (ROOT / "tests" / place).exists()},
    }
    assert {name: entries for name, entries in unused.items() if entries} == {}


def test_no_arrow_is_said_twice() -> None:
    """An arrow that follows from the others can be left in by mistake when they change."""
    twice = [
        f"{layer} -> {lower}, which {other} stands on"
        for layer, lowers in LAYERS.items()
        for lower in lowers
        for other in lowers
        if other != lower and lower in ALLOWED[other]
    ]
    assert twice == []


def test_tests_on_the_wire_follow_each_other(request: pytest.FixtureRequest) -> None:
    here = request.node.nodeid
    assert scope_of(here) == here
    assert len({scope_of(here.replace(Path(__file__).name, place)) for place in ON_THE_WIRE}) == 1


def sources() -> list[Path]:
    """What has tests that mirror it: the package, and the tools beside it."""
    return [*modules(), *sorted((ROOT / "tools").glob("*.py")), *sorted((ROOT / "tools").glob("*.sh"))]


def test_every_module_has_its_tests() -> None:
    missing = []
    for path in sources():
        if path.stem in {"__init__", "__main__"}:
            continue
        place = path.relative_to(ROOT)
        folder = place.parent.relative_to(PACKAGE) if place.parts[0] == PACKAGE else place.parent
        mirror = ROOT / "tests" / folder / f"test_{path.stem.lstrip('_')}.py"
        if not mirror.exists():
            missing.append(f"{place} has no {mirror.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)


def test_every_test_has_its_module() -> None:
    orphans = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests")
        name = path.stem.removeprefix("test_")
        top = ROOT if place.parts[0] == "tools" else ROOT / PACKAGE
        folder = top / place.parent
        # An __init__.py has its tests beside the folder: tests/test_tcp.py, and test_analyzer.py at the top.
        subjects = [folder / f"{name}.py", folder / f"_{name}.py", folder / name / "__init__.py"]
        if place.parent == Path():
            subjects.append(ROOT / name / "__init__.py")
        if top == ROOT:
            subjects.append(folder / f"{name}.sh")
        if place.as_posix() not in WHOLE_TREE_TESTS and not any(subject.exists() for subject in subjects):
            orphans.append(f"tests/{place} mirrors no module of {PACKAGE}/ or tools/")
    assert not orphans, "\n".join(orphans)


def test_no_two_modules_share_a_name() -> None:
    """A traceback and a search say little of the third live.py. A command's module bears the name of its command."""
    places = defaultdict(list)
    for path in modules():
        of_a_command = path.parent.name == "commands" and path.stem in COMMANDS
        if path.stem != "__init__" and not of_a_command:
            places[path.name].append(str(path.relative_to(ROOT)))
    assert [where for where in places.values() if len(where) > 1] == []


def test_no_module_is_longer_than_one_reads() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in sources()
    }
    assert {place: length for place, length in lengths.items() if length > LONGEST} == {}


def test_only_the_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    find = project["tool"]["setuptools"]["packages"]["find"]
    assert find == {"include": [f"{PACKAGE}*"], "namespaces": False}
    assert [path.name for path in ROOT.glob(f"{PACKAGE}*") if path.is_dir()] == [PACKAGE]


# The maps


def section(document: str, heading: str) -> str:
    text = (ROOT / document).read_text("utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_map_the_table_and_the_tree_have_the_same_layers() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|([^|]*)\|", section("ARCHITECTURE.md", "The layers"), re.MULTILINE)
    on_the_map = {place: tuple(re.findall(r"`([^`]+)`", lowers)) for place, lowers in rows}
    in_the_tree = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / PACKAGE).iterdir()
        if (path / "__init__.py").exists() or path.suffix == ".py"
    } - {"__init__.py"}
    assert on_the_map.keys() == in_the_tree
    assert {
        place.removesuffix("/").removesuffix(".py"): lowers for place, lowers in on_the_map.items()
    } == LAYERS


@pytest.mark.parametrize(
    "document",
    ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "RELEASING.md", "SECURITY.md"],
)
def test_what_a_document_names_is_there(document: str) -> None:
    """Paths from the top of the checkout, and in backquotes also modules by a part of their path."""
    text = (ROOT / document).read_text("utf-8")
    whole = re.findall(r"\b(?:analyzer|benchmarks|docs|tests|tools)/[\w./-]*\w/?", text)
    parts = re.findall(r"`(\w[\w/]*\.(?:py|sh))`", text)
    tree = [f"/{path.relative_to(ROOT).as_posix()}" for path in tree_files()]
    missing = [place for place in whole if not (ROOT / place).exists()]
    missing += [place for place in parts if not any(path.endswith(f"/{place}") for path in tree)]
    assert sorted(set(missing)) == []


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
