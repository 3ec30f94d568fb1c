"""How wide a text is in a picture, and which characters the installed fonts can show.

matplotlib ships DejaVu, so that pictures look the same everywhere; scripts that DejaVu lacks (Chinese,
Japanese, Korean) come from fonts of the system where there are some. What no font has is written as an
escape: a picture with empty boxes would tell nobody what was there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import category, east_asian_width

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

__all__ = ["FALLBACK_FAMILIES", "Typeface", "typeface"]

# In the order in which they are asked: simplified Chinese first, then whatever has Han characters at all.
FALLBACK_FAMILIES: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Noto Sans CJK JP",
    "Droid Sans Fallback",
    "Arial Unicode MS",
)

ELLIPSIS: Final = "…"
BETWEEN: Final = "  ·  "
# matplotlib measures outlines without hinting; what Agg draws may be this much wider.
SLACK: Final = 1.01


class Typeface:
    """One family at one size and weight, with its fallbacks.

    families: what is asked for first to last; those that are not installed are passed over.
    """

    def __init__(self, families: tuple[str, ...], size: float, *, bold: bool = False) -> None:
        self.size = size
        self._families = families
        self._bold = bold
        self._fallbacks_loaded = False
        self._faces: list[FT2Font] = []
        self.properties: FontProperties = self._load(families)
        self._widths: dict[str, float] = {}

    def shown(self, text: str) -> str:
        """`text` with every character that no installed font has written as an escape."""
        if text.isascii() and text.isprintable():
            return text
        if not self._fallbacks_loaded and not all(map(self._has, text)):
            self._fallbacks_loaded = True
            self.properties = self._load(self._families + FALLBACK_FAMILIES)
            self._widths.clear()
        return "".join(
            character if self._has(character) else character.encode("unicode_escape").decode("ascii")
            for character in text
        )

    def width(self, text: str) -> float:
        """How wide a text that `shown` has returned is, in points."""
        width = self._widths.get(text)
        if width is None:
            from matplotlib.textpath import text_to_path

            width = text_to_path.get_text_width_height_descent(text, self.properties, False)[0] * SLACK
            self._widths[text] = width
        return width

    def cut(self, text: str, width: float) -> str:
        """As much of the beginning of a text as fits into `width` points, with an ellipsis for the rest."""
        if self.width(text) <= width:
            return text
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.width(text[:middle] + ELLIPSIS) <= width:
                fits = middle
            else:
                too_long = middle
        return text[:fits].rstrip() + ELLIPSIS

    def wrapped(self, text: str, width: float) -> list[str]:
        """The lines of a text, none wider than `width` points; only a word wider than that is broken."""
        lines: list[str] = []
        line = ""
        for word in breakable(text):
            if not line or self.width((line + word).rstrip()) <= width:
                line += word
            else:
                lines.append(line.rstrip())
                line = word
            while self.width(line.rstrip()) > width:
                whole = self.cut(line, width).removesuffix(ELLIPSIS)
                lines.append(whole or line[0])
                line = line[len(whole or line[0]) :]
        return [*lines, line.rstrip()] if line.strip() else lines

    def gathered(self, items: Iterable[str], width: float) -> list[str]:
        """The items in lines no wider than `width` points, a dot between two; none is broken, only cut."""
        lines: list[str] = []
        for item in items:
            longer = f"{lines[-1]}{BETWEEN}{item}" if lines else item
            if lines and self.width(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(self.cut(item, width))
        return lines

    def _has(self, character: str) -> bool:
        return character.isprintable() and any(face.get_char_index(ord(character)) for face in self._faces)

    def _load(self, families: tuple[str, ...]) -> FontProperties:
        from matplotlib.font_manager import FontProperties, fontManager, get_font

        installed = set(fontManager.get_font_names())
        families = tuple(family for family in families if family in installed)
        weight = "bold" if self._bold else "normal"
        self._faces = []
        for family in families:
            wanted = FontProperties(family=[family], weight=weight)
            self._faces.append(get_font(fontManager.findfont(wanted, fallback_to_default=False)))
        return FontProperties(family=list(families), size=self.size, weight=weight)


def breakable(text: str) -> list[str]:
    """The pieces between which a line may be broken: words and the space after them, wide characters."""
    pieces: list[str] = []
    piece = ""
    for character in text:
        wide = east_asian_width(character) in "WF"
        # A full stop or a closing bracket does not begin a line.
        if wide and piece and not category(character).startswith("P"):
            pieces.append(piece)
            piece = ""
        piece += character
        if character == " ":
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces


@lru_cache(maxsize=32)
def typeface(size: float, *, bold: bool = False, mono: bool = False) -> Typeface:
    """The one typeface of this size and cut; its measurements are kept from one picture to the next."""
    return Typeface(("DejaVu Sans Mono", "DejaVu Sans") if mono else ("DejaVu Sans",), size, bold=bold)
