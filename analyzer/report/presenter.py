"""What speaks for values outside the reports: `Connection.verdict`, its picture in a notebook, a reason as text.

Each method loads the reports when it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.trace.values import Connection, Reason

__all__ = ["ReportPresenter"]


class ReportPresenter:
    """The presenter of the reports. See `analyzer.trace.values.Presenter`."""

    def verdict(self, connection: Connection, /) -> str:
        """What became of the connection, in one sentence."""
        from analyzer.report.sentences import verdict

        return verdict(connection)

    def picture(self, connection: Connection, /) -> str:
        """The connection's diagram as an SVG document."""
        from analyzer.diagram.layout import lay_out
        from analyzer.report.picture import svg

        return svg(lay_out(connection))

    def reason(self, reason: Reason, /) -> str:
        """Why an endpoint changed its state, in one sentence."""
        from analyzer.report.sentences import reason_sentence

        return reason_sentence(reason)
