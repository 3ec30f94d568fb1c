"""The JSON Schema of files of expectations, for editors. It lists the keys and the values that each may have.

`python -m tools.documentation` makes it from the schema of the JSON document.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Final

from analyzer.check.expectations import CHOICE_WORDS, OPENS_WITH_OPERATOR
from analyzer.check.recording import SCHEMA_FILE
from analyzer.filters.keys import KIND_MEANINGS, Key, Keys
from analyzer.filters.written_values import TIMES

__all__ = ["editor_schema", "editor_schema_text", "shipped"]

_COMPARED: Final = {"type": "string", "pattern": rf"^{OPENS_WITH_OPERATOR.pattern}"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SPAN: Final = {"anyOf": [_COUNT, {"type": "string", "pattern": r"^\d+\.\.\d+$"}]}


def editor_schema_text(keys: Keys) -> str:
    """The schema as the text of the installed file."""
    return json.dumps(editor_schema(keys), indent=1, ensure_ascii=False) + "\n"


def editor_schema(keys: Keys) -> dict[str, Any]:
    """The schema as draft 7, which the TOML extensions of editors understand."""
    connection, capture = _Place(), _Place()
    names = {name: keys.all[full] for name, full in keys.short_names.items()} | dict(keys.all)
    for name, key in names.items():
        if key.scope == "connection" and name not in CHOICE_WORDS:
            connection.put(name.split("."), key)
        elif name.startswith("capture."):
            capture.put(name.split(".")[1:], key)
    for name in keys.open_names:
        capture.put(name.split(".")[1:], keys.all[name], free=True)
    table = connection.schema()
    table["properties"] |= {
        "number": {
            "description": CHOICE_WORDS["number"],
            "anyOf": [*_SPAN["anyOf"], {"type": "array", "items": _SPAN}],
        },
        "only": {"description": CHOICE_WORDS["only"], "type": "string"},
        "allow_none": {"description": CHOICE_WORDS["allow_none"], "type": "boolean"},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"urn:tcpanalyze:schema:{SCHEMA_FILE.removesuffix('.schema.json')}",
        "title": "Expectations of tcpanalyze check",
        "type": "object",
        "properties": {
            "capture": {"description": "What has to hold for the capture as a whole.", **capture.schema()},
            "connections": {
                "description": "What has to hold for connections. Each table chooses its connections.",
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#/definitions/connection"}},
                    {"$ref": "#/definitions/connection"},
                ],
            },
        },
        "additionalProperties": False,
        "definitions": {
            "connection": table,
            **{
                _name_of(kind, many): {"anyOf": _either(kind, many)}
                for kind in KIND_MEANINGS
                for many in (False, True)
                if kind != "word"
            },
        },
    }


class _Place:
    """A name in a table. It may have a value, or contain other names, or either of the two."""

    def __init__(self) -> None:
        self._key: Key | None = None
        self._below: dict[str, _Place] = {}
        self._free = False

    def put(self, path: Sequence[str], key: Key, *, free: bool = False) -> None:
        """Put a key at `path` below this place. If `free` is set, any name may follow below the key."""
        if path:
            self._below.setdefault(path[0], _Place()).put(path[1:], key, free=free)
        else:
            self._key, self._free = key, free

    def schema(self) -> dict[str, Any]:
        """The schema of what this place may contain."""
        table = {
            "type": "object",
            "properties": {name: place.schema() for name, place in self._below.items()},
            "additionalProperties": {"$ref": "#/definitions/number"} if self._free else False,
        }
        if self._key is None:
            return table
        value = _value(self._key)
        return {**value, "anyOf": [*value["anyOf"], table]} if self._below or self._free else value


def _value(key: Key) -> dict[str, Any]:
    kind = f"Write {KIND_MEANINGS[key.kind]}."
    meaning = f"{key.meaning.rstrip('.')}. {kind}" if key.meaning else kind
    alike = _either(key.kind, key.many, key.words)
    if not key.words:
        alike = [{"$ref": f"#/definitions/{_name_of(key.kind, key.many)}"}]
    return {"description": meaning, "anyOf": alike}


def _name_of(kind: str, many: bool) -> str:
    return f"list-of-{kind}" if many else kind


def _either(kind: str, many: bool, words: Sequence[str] = ()) -> list[dict[str, Any]]:
    plain = _plain_values(kind, words)
    several = {"type": "array", "items": plain[0] if len(plain) == 1 else {"anyOf": plain}}
    # For a key with several values, a text lists the elements.
    return [several, {"type": "string"}] if many else [*plain, several, _COMPARED]


def _plain_values(kind: str, words: Sequence[str]) -> list[dict[str, Any]]:
    if kind == "word":
        return [{"enum": list(dict.fromkeys([*words, "none"]))}]
    if kind == "boolean":
        return [{"type": "boolean"}, {"const": "none"}]
    if kind in {"number", "bytes"}:
        units = "([kMG]i?)?B?" if kind == "bytes" else ""
        return [
            {"type": "integer"},
            {"type": "string", "pattern": rf"^(none|[+-]?[\d_]+(\.\d+)?\s*{units})$"},
        ]
    if kind == "time":
        units = "|".join(TIMES)
        pattern = rf"^(none|0|[+-]?[\d_]+(\.\d+)?\s*({units}))$"
        return [{"const": 0}, {"type": "string", "pattern": pattern}]
    return [{"type": "string"}]


def shipped() -> str:
    """The text of the installed file."""
    with open(os.path.join(os.path.dirname(__file__), SCHEMA_FILE), encoding="utf-8") as file:
        return file.read()
