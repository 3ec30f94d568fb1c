"""The schema for editors takes what the reader takes, and refuses what it refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer.check.editor_schema import editor_schema, editor_schema_text, shipped
from analyzer.check.expectations import read_expectations
from analyzer.errors import UsageError
from analyzer.report.selection import keys
from tests.commands.running import ROOT

SCHEMA = editor_schema(keys())


def is_valid(text: str) -> bool:
    return jsonschema.Draft7Validator(SCHEMA).is_valid(tomllib.loads(text))


def is_read(text: str) -> bool:
    try:
        read_expectations(keys(), text.encode(), "x")
    except UsageError:
        return False
    return True


def test_the_shipped_file_is_what_the_tables_say() -> None:
    assert shipped() == editor_schema_text(keys())
    jsonschema.Draft7Validator.check_schema(json.loads(shipped()))


def test_there_is_a_place_for_every_key() -> None:
    for name, key in keys().all.items():
        table: dict[str, Any] = (
            SCHEMA["properties"]["capture"] if key.scope == "capture" else SCHEMA["definitions"]["connection"]
        )
        for part in name.removeprefix("capture.").split("."):
            tables = [table, *table.get("anyOf", ())]
            (table,) = [one["properties"][part] for one in tables if part in one.get("properties", {})]
        assert "anyOf" in table


@pytest.mark.parametrize(
    "file", sorted((ROOT / "captures").rglob("*.expect.toml")), ids=lambda file: file.name
)
def test_recorded_files_are_valid(file: Path) -> None:
    text = file.read_text("utf-8")
    jsonschema.Draft7Validator(SCHEMA).validate(tomllib.loads(text))
    schema = text.splitlines()[0].removeprefix("#:schema ")
    assert (file.parent / schema).read_text("utf-8") == shipped()


@pytest.mark.parametrize(
    "text",
    [
        "[capture]\nconnections = 1\nskipped.UDP = 4\nskipped.x = '> 3'",
        "[capture]\ntruncated = false\nskipped = ['UDP']\nduration = '< 2s'\nlost_frames = 'none'",
        "[connections]\nclose = 'reset'",
        "[[connections]]\nnumber = [1, '2..3']\nonly = 'id == 1'\nallow_none = true\nhandshake = 'complete'",
        "[[connections]]\nhandshake.rtt = '< 50ms'\nactive = 'none'\nretransmission = 0",
        "[[connections]]\nhandshake.rtt.syn = '1.5 ms'\nclose.time_wait = []\nnotes = ['offload']",
        "[[connections]]\nclose.outcome = ['three-segment', 'four-segment']\nserver.address = '::1'",
        "[[connections]]\nserver.port = 'in 1..3'\ndata.client.bytes = '2 kB'\nlabels = '...'\nnotes.offload=1",
        "[[connections]]\nsegments = 10\n[connections.handshake.options.client]\nmss = 1460\necn = false",
    ],
)
def test_what_both_take(text: str) -> None:
    assert is_read(text)
    assert is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "[captures]\nframes = 1",
        "[capture]\nframs = 1",
        "[[connections]]\nclose = 'opne'",
        "[[connections]]\nhandshake.rtt = 50",
        "[[connections]]\nhandshake.rtt = '50 parsecs'",
        "[[connections]]\nclose.data_lost = 'maybe'",
        "[[connections]]\nnumber = 'one'\nclose = 'open'",
        "[[connections]]\nallow_none = 'yes'\nclose = 'open'",
        "[[connections]]\nserver.prot = 1",
        "[[connections]]\nserver.port = 'many'",
        "[[connections]]\nnotes.offlaod = 1",
    ],
)
def test_what_both_refuse(text: str) -> None:
    assert not is_read(text)
    assert not is_valid(text)
