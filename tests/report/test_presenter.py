from __future__ import annotations

from pathlib import Path

from analyzer.analysis.stored import analyze
from analyzer.report.presenter import ReportPresenter
from analyzer.report.sentences import reason_sentence, verdict

ECHO = Path(__file__).resolve().parents[2] / "captures" / "echo.pcap"


def test_it_says_what_the_reports_say() -> None:
    connection = analyze(ECHO)[0]
    presenter = ReportPresenter()
    assert presenter.verdict(connection) == verdict(connection)
    (reason, _) = connection.segments[0].why
    assert presenter.reason(reason) == reason_sentence(reason)


def test_the_picture_of_a_connection() -> None:
    assert ReportPresenter().picture(analyze(ECHO)[0]).lstrip().startswith(("<?xml", "<svg"))
