"""The pictures as files: every format, the same bytes each time, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from analyzer.diagram.layout import lay_out
from analyzer.errors import OutputError, UsageError
from analyzer.report import picture
from analyzer.report.diagram_words import title
from analyzer.report.picture import save_pictures, svg
from analyzer.report.sentences import verdict
from tests.diagram import builders

ROOT = Path(__file__).resolve().parents[2]


def test_svg_is_a_document_with_title_and_description() -> None:
    diagram = lay_out(builders.echo().connection())
    document = ElementTree.fromstring(svg(diagram))
    space = "{http://www.w3.org/2000/svg}"
    assert document.findtext(f"{space}title") == title(diagram)
    assert document.findtext(f"{space}desc") == verdict(diagram.connection)


def test_a_verdict_cannot_break_out_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "verdict", lambda connection: "</desc><script>")
    monkeypatch.setattr(picture, "title", lambda diagram: "<&>")
    document = ElementTree.fromstring(svg(lay_out(builders.echo().connection())))
    assert document.find(".//{*}script") is None


@pytest.mark.slow
def test_files_of_every_format(tmp_path: Path) -> None:
    diagram = lay_out(builders.echo().connection())
    paths = save_pictures(diagram, tmp_path / "reports" / "echo", "connection-0", ("svg", "png", "pdf"))
    assert [path.name for path in paths] == ["connection-0.svg", "connection-0.png", "connection-0.pdf"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)
    assert paths[0].read_bytes().startswith(b"<?xml")
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert paths[2].read_bytes().startswith(b"%PDF")
    from PIL import Image

    with Image.open(paths[1]) as image:
        assert image.width >= 1600


@pytest.mark.slow
def test_a_png_taller_than_viewers_open_comes_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "PNG_HEIGHT", 600.0)
    diagram = lay_out(builders.long_run(6).connection(), fold=False)
    paths = save_pictures(diagram, tmp_path, "connection-0", ("png",))
    assert [path.name for path in paths] == ["connection-0-part-1.png", "connection-0-part-2.png"]


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such image format: gif"):
        save_pictures(lay_out(builders.echo().connection()), tmp_path, "connection-0", ("gif",))


def test_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_pictures(lay_out(builders.echo().connection()), tmp_path / "reports", "connection-0", ("svg",))


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    earlier = tmp_path / "connection-0.svg"
    earlier.write_text("from an earlier run")

    def refuse(self: Path, target: Path) -> None:
        raise fault

    monkeypatch.setattr(Path, "replace", refuse)
    expected = OutputError if isinstance(fault, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        save_pictures(lay_out(builders.echo().connection()), tmp_path, "connection-0", ("svg",))
    if isinstance(fault, OSError):
        assert str(caught.value) == f"cannot write {earlier}: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == ["connection-0.svg"]
    assert earlier.read_text() == "from an earlier run"


DRAW = """
import sys
from pathlib import Path
from analyzer.diagram.layout import lay_out
from analyzer.report.picture import save_pictures
from tests.diagram import builders
for stage in sys.argv[2].split(","):
    if stage == "warm":
        diagram = lay_out(builders.speaking("warm 你好").connection())
        save_pictures(diagram, Path(sys.argv[1], "warm"), "x", ("svg",))
        continue
    diagram = lay_out(getattr(builders, stage)().connection())
    save_pictures(diagram, sys.argv[1], stage, ("svg", "png", "pdf"))
"""


def drawn(folder: Path, stages: str, **environment: str) -> dict[str, bytes]:
    """What a fresh process draws."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAW, str(folder), stages],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
def test_the_same_bytes_in_every_process_and_under_every_configuration(tmp_path: Path) -> None:
    rc = tmp_path / "matplotlibrc"
    rc.write_text(
        "font.size: 30\nsavefig.dpi: 50\nsavefig.bbox: tight\nsvg.fonttype: none\nlines.linewidth: 9\n"
    )
    first = drawn(tmp_path / "first", "echo,lossy,crowded", PYTHONHASHSEED="1")
    second = drawn(
        tmp_path / "second",
        "warm,crowded,lossy,echo",
        PYTHONHASHSEED="2",
        MATPLOTLIBRC=str(rc),
        SOURCE_DATE_EPOCH="1000000000",
        TZ="Asia/Tokyo",
    )
    assert len(first) == 9
    assert [name for name in first if first[name] != second[name]] == []


def test_the_user_s_settings_survive() -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 17.0, "svg.fonttype": "none"}):
        before = dict(matplotlib.rcParams)
        svg(lay_out(builders.echo().connection()))
        assert dict(matplotlib.rcParams) == before


def test_importing_the_module_does_not_load_matplotlib() -> None:
    code = "import sys, analyzer.report.picture; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


WATCHED = """
import importlib.machinery as machinery, signal, sys

load = machinery.ExtensionFileLoader.exec_module

def watched(loader, module):
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        print(module.__name__, file=sys.stderr)
    load(loader, module)

import analyzer.cli
machinery.ExtensionFileLoader.exec_module = watched
analyzer.cli.main()
"""


@pytest.mark.slow
def test_no_extension_module_of_a_picture_loads_otherwise(tmp_path: Path) -> None:
    """Interrupted in one of them, Python would end in "initialization failed" and an abort."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WATCHED,
            ROOT / "captures" / "echo.pcap",
            *("--image-format", "svg", "--image-format", "png", "--image-format", "pdf"),
        ],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0
    assert [
        name for name in done.stderr.decode().split() if name.startswith(("matplotlib", "numpy", "PIL"))
    ] == []
    assert len(list((tmp_path / "reports" / "echo").iterdir())) == 3
