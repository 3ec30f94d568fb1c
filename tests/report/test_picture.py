"""The pictures: nothing overlaps, nothing leaves the sheet, the same diagram gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import cos, radians, sin
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from analyzer.diagram.layout import lay_out
from analyzer.errors import OutputError, UsageError
from analyzer.report import picture
from analyzer.report.picture import A4_HEIGHT, draw, draw_pages, save_pictures, svg
from analyzer.tcp.labels import LABELS
from tests.diagram import builders
from tests.diagram.builders import Stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]

Corners = list[tuple[float, float]]


def everything_odd() -> Stage:
    """Labels of every kind, keep-alives, a reset, times from nanoseconds to days."""
    stage = Stage(verdict="opened, reset by the server").open()
    stage.send("client", "ACK", 0, 1, "keep-alive", notes="keep_alive", length=1, after_us=75_000_000)
    stage.send("server", "ACK", 1, 1, "keep-alive", notes="keep_alive_ack")
    stage.send("client", "", 7, None, "stray", notes="bad_flags bad_options")
    stage.send("client", "PSH,ACK", 1, 1, "data", payload=b'$\\frac{1}{2}$ & <b>"x"</b>', after_us=10**11)
    return stage.send(
        "server", "RST", 1, None, "reset", client="CLOSED", server="CLOSED", notes="retransmission"
    )


STAGES: dict[str, Callable[[], Stage]] = {
    "handshake only": builders.handshake_only,
    "echo": builders.echo,
    "refused": builders.refused,
    "reset": builders.reset,
    "long run": builders.long_run,
    "a few losses": lambda: builders.lossy(3),
    "many losses": lambda: builders.lossy(300),
    "crowded": builders.crowded,
    "odd": everything_odd,
    "empty": Stage,
    "Chinese": lambda: builders.speaking("你好，世界！再见，世界！"),
    "mixed scripts": lambda: builders.speaking("שלום مرحبا 🎉 é ß"),
    "long verdict": lambda: replace(builders.echo(), verdict="data was lost and nobody knows why, " * 30),
    "Chinese verdict": lambda: replace(builders.echo(), verdict="连接已打开，客户端发送了两个八位组。" * 12),
    "late frames": lambda: renumbered(builders.echo(), 123_456_780),
}


def renumbered(stage: Stage, by: int) -> Stage:
    stage.sent = [replace(segment, frame=segment.frame + by) for segment in stage.sent]
    return stage


def boxes(figure: Figure) -> list[tuple[str, Corners]]:
    """Every text with the corners of what it covers, slanted text with its slanted box."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.text import Text

    width, height = figure.get_size_inches() * figure.dpi
    renderer = RendererAgg(width, height, figure.dpi)  # type: ignore[no-untyped-call]
    found: list[tuple[str, Corners]] = []
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if not text.get_text():
            continue
        angle = radians(text.get_rotation())
        x, y = text.get_transform().transform(text.get_unitless_position())
        text.set_rotation(0)
        box = text.get_window_extent(renderer)
        corners = [(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)]
        turned = [
            (x + (a - x) * cos(angle) - (b - y) * sin(angle), y + (a - x) * sin(angle) + (b - y) * cos(angle))
            for a, b in corners
        ]
        found.append((text.get_text(), turned))
    return found


def overlap(first: Corners, second: Corners) -> bool:
    """Whether two convex outlines overlap: none of their sides separates them."""
    for corners in (first, second):
        for place in range(len(corners)):
            (x, y), (next_x, next_y) = corners[place - 1], corners[place]
            normal = next_y - y, x - next_x
            one = [normal[0] * a + normal[1] * b for a, b in first]
            other = [normal[0] * a + normal[1] * b for a, b in second]
            if max(one) <= min(other) or max(other) <= min(one):
                return False
    return True


def faults(figure: Figure) -> list[str]:
    """Texts that overlap or leave the sheet."""
    width, height = figure.get_size_inches() * figure.dpi
    placed = sorted(boxes(figure), key=lambda entry: min(y for _, y in entry[1]))
    found = [
        f"{text!r} leaves the sheet"
        for text, corners in placed
        if not all(0 <= x <= width and 0 <= y <= height for x, y in corners)
    ]
    for (text, corners), (other, others) in combinations(placed, 2):
        if overlap(corners, others):
            found.append(f"{text!r} and {other!r} overlap")
    labels = {label.shown for label in LABELS}
    for text, corners in placed:
        # A label sits on its arrow, in a box of its own.
        if text.split(" + ")[0] not in labels and not text.endswith("…"):
            found += [f"an arrow runs through {text!r}" for line in lines(figure) if overlap(corners, line)]
    return found


def lines(figure: Figure) -> list[Corners]:
    """Every straight line of the figure: arrows, lifelines, ticks."""
    from matplotlib.collections import LineCollection

    found: list[Corners] = []
    for collection in figure.findobj(LineCollection):
        assert isinstance(collection, LineCollection)
        for points in collection.get_segments():
            if len(points) == 2:
                found.append([(x, y) for x, y in collection.get_transform().transform(points)])
    return found


@pytest.mark.parametrize("name", STAGES)
def test_no_text_overlaps_another_or_leaves_the_sheet(name: str) -> None:
    diagram = lay_out(STAGES[name]().connection())
    assert faults(draw(diagram)) == []


@pytest.mark.parametrize("name", ["crowded", "many losses", "long verdict"])
def test_pages_are_as_tidy(name: str) -> None:
    diagram = lay_out(STAGES[name]().connection(), fold=name != "many losses")
    for page in draw_pages(diagram)[:6]:
        assert faults(page) == []


def test_an_overlap_would_be_noticed() -> None:
    figure = draw(lay_out(builders.echo().connection()))
    figure.text(0.5, 0.5, "across everything " * 4, ha="center")
    assert faults(figure)


@pytest.mark.parametrize("name", ["handshake only", "crowded", "odd", "many losses"])
def test_no_letter_is_smaller_than_eight_points(name: str) -> None:
    from matplotlib.text import Text

    figure = draw(lay_out(STAGES[name]().connection()))
    assert min(float(text.get_fontsize()) for text in figure.findobj(Text)) >= 8
    assert figure.get_figwidth() == pytest.approx(210 / 25.4, abs=0.01)


def texts(figure: Figure) -> str:
    return "\n".join(text for text, _ in boxes(figure))


def test_what_an_echo_shows() -> None:
    shown = texts(draw(lay_out(builders.echo().connection())))
    for part in (
        "client", "server", "127.0.0.1:42014", "127.0.0.1:20000", "HANDSHAKE", "complete", "DATA", "CLOSE",
        "three segments", "SYN 1/3", "SYN-ACK 2/3", "ACK 4/4", "seq=1 ack=1 len=2", '"AB"', "PSH,ACK",
        "TIME-WAIT",
    ):  # fmt: skip
        assert part in shown
    # The legend names only what occurs.
    assert "reset" not in shown
    assert "sent again" not in shown
    assert "left out" not in shown


def test_what_losses_show() -> None:
    shown = texts(draw(lay_out(builders.lossy(300).connection())))
    for part in ("repeated, fast", "sent again", "segments left out", "duplicate ACK"):
        assert part in shown


def test_a_long_diagram_has_pages_of_a4() -> None:
    diagram = lay_out(builders.long_run(40).connection(), fold=False)
    pages = draw_pages(diagram)
    assert len(pages) > 2
    assert all(page.get_figheight() * 72 == pytest.approx(A4_HEIGHT) for page in pages)
    shown = [texts(page) for page in pages]
    assert "continued" in shown[1]
    assert f"page 2 of {len(pages)}" in shown[1]
    assert all("127.0.0.1:20000" in text for text in shown)
    frames = [line for text in shown for line in text.splitlines() if line.isdigit()]
    assert {str(number) for number in range(1, len(diagram.rows) + 1)} <= set(frames)


def test_a_short_one_has_one_page_without_a_number() -> None:
    (page,) = draw_pages(lay_out(builders.echo().connection()))
    assert "page" not in texts(page)


def test_svg_is_a_document_with_title_and_description() -> None:
    diagram = lay_out(everything_odd().connection())
    document = ElementTree.fromstring(svg(diagram))
    space = "{http://www.w3.org/2000/svg}"
    assert document.findtext(f"{space}title") == diagram.title
    assert document.findtext(f"{space}desc") == diagram.verdict


def test_a_verdict_cannot_break_out_of_the_document() -> None:
    diagram = replace(lay_out(builders.echo().connection()), verdict="</desc><script>", title="<&>")
    document = ElementTree.fromstring(svg(diagram))
    assert document.find(".//{*}script") is None


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
