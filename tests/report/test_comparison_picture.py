"""The time-sequence diagram of a comparison."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.text import Text

from analyzer.compare.differences import PairComparison
from analyzer.diagram.paired_ladder import lay_out_comparison
from analyzer.errors import OutputError
from analyzer.report import comparison_picture
from analyzer.report.comparison_picture import _Sheet, save_comparison
from analyzer.report.ink import own_style
from tests.compare.builders import ANOTHER_RUN, MS, TALK, compared, moved, seen, without
from tests.compare.test_alignment import LOSSY
from tests.report.test_comparison_text import diagram

LOST = seen(LOSSY)


def two_places() -> PairComparison:
    return compared(LOST, moved(without(LOST, 5), hops=3, delay_ms=12))


def words(comparison: PairComparison) -> list[Text]:
    with own_style():
        figure = _Sheet(diagram(comparison)).figure()
    return [artist for artist in figure.get_children() if isinstance(artist, Text)]


def test_it_says_what_the_ladder_says() -> None:
    texts = [text.get_text() for text in words(two_places())]
    for expected in ("A  at the client.pcap", "B  at the server.pcap", "client", "server", "SYN seq=0", "12.000",
                     "only in A: lost on the way"):  # fmt: skip
        assert expected in texts
    assert any(text.startswith("An arrow leaves and arrives") for text in texts)
    runs = [text.get_text() for text in words(compared(seen(TALK), seen(TALK, ANOTHER_RUN), "two-runs"))]
    assert any(text.startswith("Arrows are level") for text in runs)


def test_an_arrow_arrives_below_where_it_left_and_times_grow_downwards() -> None:
    laid_out = diagram(two_places())
    rows = laid_out.rows
    heights = _Sheet(laid_out)._heights(rows, 100.0)  # type: ignore[arg-type]
    for row, (left, right) in zip(rows, heights, strict=True):
        assert (right > left) == row.arrow.to_right  # type: ignore[union-attr]
    for side in (0, 1):
        seen_there = sorted(
            (row.times[side], ends[side])
            for row, ends in zip(rows, heights, strict=True)
            if row.times[side] is not None
        )
        places = [height for _, height in seen_there]
        assert places == sorted(places)
        assert all(below - above >= 13 for above, below in pairwise(places))


def test_times_at_a_lifeline_do_not_overlap_and_nothing_leaves_the_sheet() -> None:
    for comparison in (two_places(), compared(moved(LOST, hops=1), LOST), compared(LOST, LOST)):
        for text in words(comparison):
            assert 0 < text.get_position()[0] < 596


def test_folds_and_repetitions_are_drawn() -> None:
    talk = TALK + "".join(f"> P. {102 + 2 * n}:{104 + 2 * n}(2) ack 52\n" for n in range(200))
    a = seen(talk)
    b = moved(a, change=lambda one: one._replace(window=9) if one.frame > 20 else one)
    texts = " ".join(text.get_text() for text in words(compared(a, b)))
    assert "segments omitted" in texts
    assert "segments changed" in texts


@pytest.mark.slow
def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    laid_out = diagram(two_places())
    paths = save_comparison(laid_out, tmp_path / "new", "diff-0-0", ("svg", "png"))
    assert [path.name for path in paths] == ["diff-0-0.svg", "diff-0-0.png"]
    before = [path.read_bytes() for path in paths]
    save_comparison(laid_out, tmp_path / "new", "diff-0-0", ("svg", "png"))
    assert before == [path.read_bytes() for path in paths]
    assert before[1].startswith(b"\x89PNG")
    assert b"<title>A #0, B #0: 192.0.2.1:40000" in before[0]
    assert b"<desc>only in A: lost on the way</desc>" in before[0]


def test_a_very_tall_picture_is_drawn_coarser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(comparison_picture, "MOST_PIXELS", 500)
    (path,) = save_comparison(diagram(two_places()), tmp_path, "small", ("png",))
    data = path.read_bytes()
    assert int.from_bytes(data[20:24], "big") <= 500


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    laid_out = lay_out_comparison(two_places(), ("</title><script>", "\x1b[31m"), 5 * MS)
    (path,) = save_comparison(laid_out, tmp_path, "hostile", ("svg",))
    assert b"<script>" not in path.read_bytes()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_comparison(diagram(two_places()), tmp_path / "file", "diff", ("svg",))
