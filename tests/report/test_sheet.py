"""The sheets: nothing overlaps, nothing leaves the sheet, and all of it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import cos, radians, sin
from typing import TYPE_CHECKING

import pytest

from analyzer.diagram.layout import lay_out
from analyzer.diagram.rows import Diagram
from analyzer.report import sheet
from analyzer.report.ink import own_style
from analyzer.report.picture import A4_HEIGHT
from analyzer.report.sheet import Sheet
from analyzer.tcp.labels import LABELS
from tests.diagram import builders
from tests.diagram.builders import Stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Corners = list[tuple[float, float]]


def everything_odd() -> Stage:
    """Labels of every kind, keep-alives, a reset, times from nanoseconds to days."""
    stage = Stage().open()
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
    "unreachable": builders.unreachable,
    "narrow": builders.narrow,
    "long run": builders.long_run,
    "a few losses": lambda: builders.lossy(3),
    "many losses": lambda: builders.lossy(300),
    "crowded": builders.crowded,
    "odd": everything_odd,
    "empty": Stage,
    "Chinese": lambda: builders.speaking("你好，世界！再见，世界！"),
    "mixed scripts": lambda: builders.speaking("שלום مرحبا 🎉 é ß"),
    "long verdict": builders.echo,
    "Chinese verdict": builders.echo,
    "late frames": lambda: renumbered(builders.echo(), 123_456_780),
}


VERDICTS = {
    "long verdict": "data was lost and nobody knows why, " * 30,
    "Chinese verdict": "连接已打开，客户端发送了两个八位组。" * 12,
    "crowded": "opened by both sides at once, 4,294,967,295 bytes sent and 4,294,967,295 received, "
    "closed by both sides at once, data was lost, " * 4,
}


@pytest.fixture
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a stage, whose verdict is the one of `VERDICTS` from here on."""
    stage: str = request.param
    if stage in VERDICTS:
        monkeypatch.setattr(sheet, "verdict", lambda connection: VERDICTS[stage])
    return stage


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


def draw(diagram: Diagram) -> Figure:
    """All of it on one sheet."""
    with own_style():
        return Sheet(diagram).pages(None)[0]


def draw_pages(diagram: Diagram) -> list[Figure]:
    """On pages of A4."""
    with own_style():
        return Sheet(diagram).pages(A4_HEIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES, indirect=True)
def test_no_text_overlaps_another_or_leaves_the_sheet(name: str) -> None:
    diagram = lay_out(STAGES[name]().connection())
    assert faults(draw(diagram)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crowded", "many losses", "long verdict"], indirect=True)
def test_pages_are_as_tidy(name: str) -> None:
    diagram = lay_out(STAGES[name]().connection(), fold=name != "many losses")
    for page in draw_pages(diagram)[:6]:
        assert faults(page) == []


def test_an_overlap_would_be_noticed() -> None:
    figure = draw(lay_out(builders.echo().connection()))
    figure.text(0.5, 0.5, "across everything " * 4, ha="center")
    assert faults(figure)


@pytest.mark.parametrize("name", ["handshake only", "crowded", "odd", "many losses"], indirect=True)
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
    assert "retransmission" not in shown
    assert "omitted" not in shown


def test_what_the_network_says() -> None:
    shown = texts(draw(lay_out(builders.unreachable().connection())))
    assert "ICMP 10.0.0.254: host unreachable (about frame 1)" in shown
    assert "omitted" not in shown


def test_what_losses_show() -> None:
    shown = texts(draw(lay_out(builders.lossy(300).connection())))
    for part in ("fast retransmission", "retransmission", "segments omitted", "duplicate ACK"):
        assert part in shown


@pytest.mark.slow
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
