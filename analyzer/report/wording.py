"""Numbers and times as the text reports show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from analyzer.tcp.notes import NOTE, NoteName
from analyzer.text import say

__all__ = [
    "Clock",
    "clock_for",
    "counted",
    "counted_note",
    "delays",
    "duration",
    "grouped",
]

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY + 6 * HOUR

DELAYS_SHOWN: Final = 6


def grouped(number: int) -> str:
    """A count with its thousands marked: 12,288."""
    return f"{number:,}"


def counted(count: int, one: str, many: str, **values: object) -> str:
    """`one` or `many`, two sentences with the placeholder `{count}`, filled in: "1 frame", "12 frames"."""
    return say(one if count == 1 else many, count=grouped(count), **values)


def counted_note(name: NoteName, count: int) -> str:
    """A note with its count: "3 × retransmission"."""
    return say("{count} × {note}", count=grouped(count), note=say(NOTE[name].shown))


def duration(nanoseconds: int) -> str:
    """A time span for prose: 15 µs, 1.23 ms, 20 s, 3 min 20 s, 2 h 5 min, 15.9 years."""
    if nanoseconds < 0:
        return f"-{duration(-nanoseconds)}"
    if nanoseconds < MINUTE:
        return " ".join(_number_and_unit(nanoseconds))
    for big, unit, small, smaller, limit in (
        (MINUTE, "min", SECOND, "s", HOUR),
        (HOUR, "h", MINUTE, "min", DAY),
        (DAY, "d", HOUR, "h", YEAR),
    ):
        if nanoseconds < limit:
            rest = nanoseconds % big // small
            return f"{nanoseconds // big} {unit}" + (f" {rest} {smaller}" if rest else "")
    return say("{count} years", count=f"{nanoseconds / YEAR:,.1f}")


def delays(nanoseconds: Iterable[int]) -> str:
    """A list of time spans: 1 s, 3 s, 7 s; the first six of them."""
    spans = [duration(delay) for delay in nanoseconds]
    return ", ".join([*spans[:DELAYS_SHOWN], *(["…"] if len(spans) > DELAYS_SHOWN else [])])


def _number_and_unit(nanoseconds: int) -> tuple[str, str]:
    if nanoseconds < MICROSECOND:
        return str(nanoseconds), "ns"
    for size, unit in ((MICROSECOND, "µs"), (MILLISECOND, "ms")):
        if nanoseconds < size * 1000:
            return _three_digits(nanoseconds / size), unit
    return _three_digits(nanoseconds / SECOND), "s"


def _three_digits(number: float) -> str:
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


class Clock(NamedTuple):
    """How the times of one connection are written: in one unit, with the same number of decimals."""

    unit: str
    """The head of the column; `m:s` and `h:m:s` for times with colons."""
    size: int
    """Nanoseconds in one unit; 0 for times with colons."""
    decimals: int

    def show(self, nanoseconds: int) -> str:
        """A time in this unit, cut after its decimals and never rounded up."""
        if nanoseconds < 0:
            return f"-{self.show(-nanoseconds)}"
        if self.size:
            return f"{nanoseconds // self.size}{self._decimals(nanoseconds % self.size, self.size)}"
        seconds, rest = divmod(nanoseconds, SECOND)
        minutes, seconds = divmod(seconds, 60)
        decimals = self._decimals(rest, SECOND)
        if self.unit == "m:s":
            return f"{minutes}:{seconds:02d}{decimals}"
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{seconds:02d}{decimals}"

    def _decimals(self, rest: int, size: int) -> str:
        return f".{rest * 10**self.decimals // size:0{self.decimals}d}" if self.decimals else ""


def clock_for(times: Iterable[int]) -> Clock:
    """The clock for these times, in nanoseconds since the first.

    It shows microseconds if the whole takes less than 100 seconds.
    """
    longest = 0
    fraction = False
    for time in times:
        longest = max(longest, abs(time))
        fraction = fraction or time % MICROSECOND != 0
    if longest < MILLISECOND:
        # Beyond 100 µs, nanoseconds are noise.
        return Clock("µs", MICROSECOND, 3 if fraction and longest < 100 * MICROSECOND else 0)
    if longest < SECOND:
        return Clock("ms", MILLISECOND, 3)
    if longest < 100 * SECOND:
        return Clock("s", SECOND, 6)
    return Clock("m:s" if longest < HOUR else "h:m:s", 0, 3)
