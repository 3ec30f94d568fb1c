"""What a terminal can show: columns, colours, characters.

Every line of the text reports leaves through `finish`, which is where it is made harmless, brought into the
characters and colours of the style, and cut to the width. Lines are made of spans, so that a width is
always that of what is seen and never counts a colour code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TextIO
from unicodedata import category, east_asian_width

from analyzer.text import inert

__all__ = [
    "ASCII_FORMS",
    "COLOURS",
    "Span",
    "Style",
    "columns",
    "cut",
    "finish",
    "flow",
    "foreign",
    "fragments",
    "own",
    "style_of",
    "tail",
]

READABLE_WIDTH: Final = 160
"""Columns. On a wider terminal a line is not stretched beyond this: the eye loses it."""

FILE_WIDTH: Final = 100
"""Columns, where the output is no terminal and nobody says how wide it may be."""


@dataclass(frozen=True, slots=True)
class Style:
    """How text is to look.

    width:  columns a line may take
    colour: whether SGR codes may be used
    ascii:  whether every character has to be ASCII
    """

    width: int = 80
    colour: bool = False
    ascii: bool = False

    def at_most(self, width: int) -> Style:
        """The same in no more columns than these."""
        return Style(min(self.width, width), self.colour, self.ascii)


Span = tuple[str, str]
"""Text and its role, a key of `COLOURS`; "" is the terminal's own colour."""

# Role -> parameters of SGR (ECMA-48 8.3.117). The eight basic colours are the ones a terminal's theme keeps
# readable on its own background.
COLOURS: Final[Mapping[str, str]] = {
    "": "",
    "title": "1",
    "faint": "2",
    "state": "36",
    "syn": "32",
    "fin": "33",
    "reset": "1;31",
    "retransmission": "35",
    "data": "",
    "ack": "2",
    "good": "32",
    "bad": "31",
    "odd": "33",
}

# What the reports themselves are written with. Text of a capture is not translated but escaped, so that
# nothing in it can pass for something else.
ASCII_FORMS: Final[Mapping[str, str]] = {
    "─": "-",
    "│": "|",
    "┆": ":",
    "▶": ">",
    "◀": "<",
    "→": "->",
    "←": "<-",
    "…": "...",
    " ·": ";",
    "µ": "u",
    "×": "x",
    "’": "'",
    "–": "-",
    "—": "-",
    "«": '"',
    "»": '"',
}

# Not between a number and its unit of time, and not inside "[RFC 9293 3.10.7.4]".
_BREAK: Final = r" (?!(?<=[0-9] )(?:[nmµu]?s|min|h)\b)(?![0-9]+ [0-9.]+\])(?![0-9.]+\])"

_ESCAPE_LENGTHS: Final = {"x": 4, "u": 6, "U": 10}
_VARIATION_16: Final = "\ufe0f"


def style_of(stream: TextIO, environment: Mapping[str, str], *, ascii_only: bool = False) -> Style:
    """The style for a stream: what its terminal, its encoding and the environment say.

    Colour only on a terminal that is not dumb and without NO_COLOR. ASCII where it is asked for, where the
    encoding cannot hold the glyphs, and where LC_ALL names the C locale, in which Python would write UTF-8
    all the same. COLUMNS beats the terminal's own width.
    """
    terminal = stream.isatty()
    dumb = environment.get("TERM", "") in {"", "dumb"}
    return Style(
        width=_width_of(stream, environment, terminal),
        colour=terminal and not dumb and not environment.get("NO_COLOR"),
        ascii=ascii_only or environment.get("LC_ALL") in {"C", "POSIX"} or not _holds_glyphs(stream),
    )


def _width_of(stream: TextIO, environment: Mapping[str, str], terminal: bool) -> int:
    said = environment.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and 0 < int(said) < 1 << 16:
        return int(said)
    if terminal:
        try:
            # 0 columns is what a terminal without a known size answers.
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80
    return FILE_WIDTH


def _holds_glyphs(stream: TextIO) -> bool:
    try:
        "".join(ASCII_FORMS).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@lru_cache(maxsize=4096)
def columns(text: str) -> int:
    """How many columns `text` takes: two for an East Asian wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


@lru_cache(maxsize=4096)
def _columns_of(character: str) -> int:
    if category(character) in {"Mn", "Me"}:
        # Some terminals widen the symbol before this one by a column, others do not: count it, to be safe.
        return 1 if character == _VARIATION_16 else 0
    return 2 if east_asian_width(character) in {"W", "F"} else 1


def foreign(text: str, style: Style) -> str:
    """Text of the capture, harmless; in ASCII whatever is not becomes an escape."""
    text = inert(text)
    return text.encode("ascii", "backslashreplace").decode("ascii") if style.ascii else text


def own(text: str, style: Style) -> str:
    """Text of a report in the characters of the style."""
    if style.ascii and not text.isascii():
        for glyph, form in ASCII_FORMS.items():
            text = text.replace(glyph, form)
    return foreign(text, style)


def cut(text: str, room: int, style: Style) -> str:
    """`text` in at most `room` columns, with a mark at its end where something is left out.

    An escape like `\\x1b` is kept or left out as a whole.
    """
    if columns(text) <= room:
        return text
    mark = own("…", style)
    if room < columns(mark):
        return "." * max(room, 0)
    return "".join(_fitting(fragments(text), room - columns(mark))) + mark


def tail(text: str, room: int, style: Style) -> str:
    """`text` in at most `room` columns, with a mark at its beginning where something is left out."""
    if columns(text) <= room:
        return text
    mark = own("…", style)
    if room < columns(mark):
        return "." * max(room, 0)
    return mark + "".join(reversed(list(_fitting(reversed(list(fragments(text))), room - columns(mark)))))


def fragments(text: str) -> Iterator[str]:
    """The characters of `text`, an escape like `\\n` as one, combining characters with their base."""
    position = 0
    while position < len(text):
        end = position + 1
        if text[position] == "\\" and end < len(text) and text[end].isascii():
            end = position + _ESCAPE_LENGTHS.get(text[end], 2)
        while end < len(text) and not columns(text[end]):
            end += 1
        yield text[position:end]
        position = end


def _fitting(pieces: Iterable[str], room: int) -> Iterator[str]:
    for piece in pieces:
        room -= columns(piece)
        if room < 0:
            return
        yield piece


def flow(
    items: Sequence[str], room: int, style: Style, *, separator: str = " · ", first: int | None = None
) -> list[str]:
    """`items` in lines of at most `room` columns, the first line of at most `first`.

    A line breaks between items if it can, then between words, and inside a word only when the word alone is
    longer than a line.
    """
    lines = [""]
    limit = room if first is None else first
    separator, gap = own(separator, style), own(separator, style).rstrip()
    for number, item in enumerate(items):
        item = own(item, style)
        rest = gap if number + 1 < len(items) else ""
        joined = f"{lines[-1]}{separator[len(gap) :]}{item}{rest}" if lines[-1] else item + rest
        if columns(joined) <= limit:
            lines[-1] = joined
            continue
        if lines[-1] and columns(item + rest) <= room:
            lines.append(item + rest)
            limit = room
            continue
        for word in re.split(_BREAK, item + rest):
            joined = f"{lines[-1]} {word}" if lines[-1] else word
            while columns(joined) > limit:
                if lines[-1]:
                    lines.append("")
                    joined = word
                else:
                    head = "".join(_fitting(fragments(joined), limit)) or joined[: max(limit, 1)]
                    lines[-1] = head
                    lines.append("")
                    joined = word = joined[len(head) :]
                limit = room
            lines[-1] = joined
    return lines if lines[-1] or len(lines) == 1 else lines[:-1]


def finish(spans: Iterable[Span], style: Style) -> str:
    """One line of output without its end: harmless, in the style's characters and colours, cut to width."""
    room = style.width
    pieces: list[tuple[str, str]] = []
    for text, role in spans:
        text = own(text, style)
        width = columns(text)
        if width > room:
            # Spaces that only fill a column are no text that would have to be marked as cut.
            shown = cut(text.rstrip(" "), room, style)
            text = shown + " " * (room - columns(shown))
            width = room
        room -= width
        pieces.append((text, role))
    while pieces and not pieces[-1][0].strip(" "):
        pieces.pop()
    if pieces:
        pieces[-1] = (pieces[-1][0].rstrip(" "), pieces[-1][1])
    if not style.colour:
        return "".join([text for text, _ in pieces])
    return "".join([_coloured(text, COLOURS[role]) for text, role in pieces])


def _coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code and text.strip(" ") else text
