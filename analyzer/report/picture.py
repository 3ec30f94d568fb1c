"""The sequence diagram of a connection as SVG, PNG and PDF, drawn with matplotlib.

The same diagram gives the same bytes, whatever the user's matplotlibrc says.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from analyzer.diagram.rows import Diagram
from analyzer.errors import OutputError, UsageError
from analyzer.report.diagram_words import title
from analyzer.report.ink import RESOLUTION, own_style
from analyzer.report.sentences import verdict
from analyzer.report.sheet import Sheet
from analyzer.signals import undisturbed
from analyzer.text import inert, say

__all__ = ["FORMATS", "save_files", "save_pictures", "svg"]

FORMATS: Final = ("svg", "png", "pdf")
CREATOR: Final = "tcpanalyze"

A4_HEIGHT: Final = 841.89
# 140 MB while it is drawn, and what image viewers still open; a taller PNG is written in parts.
PNG_HEIGHT: Final = 6_600.0


def svg(diagram: Diagram) -> str:
    """The diagram as an SVG document, with its title and verdict for those who have it read to them."""
    return _svg(diagram).decode()


def save_pictures(
    diagram: Diagram, directory: str | os.PathLike[str], name: str, formats: Iterable[str] = ("svg", "png")
) -> list[Path]:
    """Draw a diagram into files of a folder, which is made if need be; returns their paths.

    name:    of the files without the ending: "connection-0"
    formats: any of `FORMATS`. PDF has pages of A4; a PNG too tall for an image viewer is written in parts.

    A file appears whole or not at all. Raises `OutputError` where one cannot be written.
    """
    return save_files(directory, name, (file for form in formats for file in _render(diagram, form)))


def save_files(
    directory: str | os.PathLike[str], name: str, files: Iterable[tuple[str, bytes]]
) -> list[Path]:
    """Write files into a folder, which is made if need be; returns their paths.

    files: the ending of each, which comes after `name`, and what it holds. A file appears whole or not at all.
    Raises `OutputError` where one cannot be written.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(_refusal(folder, error)) from error
    paths: list[Path] = []
    for ending, content in files:
        path = folder / f"{name}{ending}"
        try:
            _write(path, content)
        except OSError as error:
            raise OutputError(_refusal(path, error)) from error
        paths.append(path)
    return paths


def _refusal(path: Path, error: OSError) -> str:
    reason = inert(error.strerror or str(error))
    return say("cannot write {path}: {reason}", path=inert(str(path)), reason=reason)


def _write(path: Path, content: bytes) -> None:
    """Write a file under another name in the same folder first, so that nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _render(diagram: Diagram, form: str) -> Iterator[tuple[str, bytes]]:
    """The endings of the files of a format, and what they hold."""
    if form == "svg":
        yield ".svg", _svg(diagram)
    elif form == "pdf":
        yield ".pdf", _pdf(diagram)
    elif form == "png":
        yield from _png(diagram)
    else:
        raise UsageError(
            say(
                "no such image format: {form}; there are {formats}",
                form=inert(form),
                formats=", ".join(FORMATS),
            )
        )


def _svg(diagram: Diagram) -> bytes:
    buffer = BytesIO()
    with own_style():
        sheet = Sheet(diagram).pages(None)[0]
        metadata = {"Title": title(diagram), "Creator": CREATOR, "Date": None}
        sheet.savefig(buffer, format="svg", metadata=metadata)
    head = f"<title>{escape(title(diagram))}</title>".encode()
    description = f"<desc>{escape(verdict(diagram.connection))}</desc>".encode()
    return buffer.getvalue().replace(head, head + b"\n " + description, 1)


def _png(diagram: Diagram) -> Iterator[tuple[str, bytes]]:
    with own_style():
        whole = Sheet(diagram)
        parts = whole.pages(None)
        if parts[0].get_figheight() * 72 > PNG_HEIGHT:
            parts = whole.pages(PNG_HEIGHT)
        for number, part in enumerate(parts, 1):
            buffer = BytesIO()
            part.savefig(
                buffer, format="png", dpi=RESOLUTION, metadata={"Software": CREATOR},
                pil_kwargs={"compress_level": 3},
            )  # fmt: skip
            yield (".png" if len(parts) == 1 else f"-part-{number}.png"), buffer.getvalue()


def _pdf(diagram: Diagram) -> bytes:
    with undisturbed():
        from matplotlib.backends.backend_pdf import PdfPages

    buffer = BytesIO()
    metadata = {"Title": title(diagram), "Creator": CREATOR, "Producer": CREATOR, "CreationDate": None}
    with own_style(), PdfPages(buffer, metadata=metadata) as document:
        for page in Sheet(diagram).pages(A4_HEIGHT):
            document.savefig(page)
    return buffer.getvalue()
