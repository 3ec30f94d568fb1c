"""What a check finds: plain values, for every format of a report."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.check.expectations import Expectation

__all__ = ["Check", "Checked", "Finding", "Report"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation that does not hold. All text is harmless for a terminal already.

    rule: the key. capture: its path. connection, frame: numbers, None where it is about more than one. expected,
    seen: the values. notes: why it is so, and who expected otherwise.
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
    """One expectation of one capture, and what was found. more: findings beyond those that are listed."""

    expectation: Expectation
    findings: list[Finding] = field(default_factory=list)
    more: int = 0


@dataclass(slots=True)
class Checked:
    """One capture. problem: the sentence why it could not be read, or what is expected of it; empty otherwise."""

    path: str
    checks: list[Check] = field(default_factory=list)
    problem: str = ""

    @property
    def findings(self) -> list[Finding]:
        """Of all expectations, in their order."""
        return [finding for check in self.checks for finding in check.findings]

    @property
    def count(self) -> int:
        """How many findings there are, with those that are not listed."""
        return sum(len(check.findings) + check.more for check in self.checks)


@dataclass(frozen=True, slots=True)
class Report:
    """All captures of one run."""

    captures: list[Checked]

    @property
    def exit_status(self) -> int:
        """0 all is as expected, 1 it is not, 2 a capture could not be checked."""
        if any(one.problem for one in self.captures):
            return 2
        return 1 if any(one.count for one in self.captures) else 0
