"""The results of a check, as plain values. Every report format is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.check.expectations import Expectation

__all__ = ["Check", "Checked", "Finding", "Report"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that is not as expected. All text is safe for a terminal.

    Attributes:
        rule: The key of the expectation.
        message: What is wrong, in one sentence.
        capture: The path of the capture.
        connection: The number of the connection; None if the finding is about the capture or several connections.
        frame: The number of the frame that shows it; None if no single frame does.
        expected: The expected value, with the words of the operator.
        seen: The value that was found.
        notes: Why the value is as it is, and where the expectation comes from.
    """

    rule: str
    message: str
    capture: str
    connection: int | None
    frame: int | None
    expected: str
    seen: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = self.capture if self.frame is None else f"{self.capture}:frame {self.frame}"
        lines = [f"{place}: error: {self.message} [{self.rule}]"]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(slots=True)
class Check:
    """One expectation of one capture, and its findings.

    Attributes:
        expectation: What has to hold.
        findings: The first findings, at most `MOST_FINDINGS`.
        more: How many findings are not listed.
    """

    expectation: Expectation
    findings: list[Finding] = field(default_factory=list)
    more: int = 0


@dataclass(slots=True)
class Checked:
    """One capture and its checks.

    Attributes:
        path: The path of the capture.
        checks: One for each expectation.
        problem: Why the capture could not be checked, in one sentence; empty if it was checked.
    """

    path: str
    checks: list[Check] = field(default_factory=list)
    problem: str = ""

    @property
    def findings(self) -> list[Finding]:
        """The findings of all expectations, in their order."""
        return [finding for check in self.checks for finding in check.findings]

    @property
    def count(self) -> int:
        """The number of findings, including those that are not listed."""
        return sum(len(check.findings) + check.more for check in self.checks)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run.

    Attributes:
        captures: All captures, in the order in which they were checked.
    """

    captures: list[Checked]

    @property
    def exit_status(self) -> int:
        """0 if every expectation holds, 1 if at least one failed, 2 if a capture could not be checked."""
        if any(one.problem for one in self.captures):
            return 2
        return 1 if any(one.count for one in self.captures) else 0
