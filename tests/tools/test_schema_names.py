from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from analyzer.report.document import schema_text
from tools.schema_names import ENUMERATIONS, with_names


def at(schema: Mapping[str, Any], path: Sequence[str]) -> Any:
    for key in path:
        schema = schema[key]
    return schema["enum"]


@pytest.mark.parametrize("path", ENUMERATIONS)
def test_the_names_of_the_table_take_the_place_of_others(path: tuple[str, ...]) -> None:
    text = schema_text()
    names = ENUMERATIONS[path]
    present = json.loads(text)
    stale = text.replace(json.dumps(names[-2]), '"long-forgotten"')
    assert at(json.loads(stale), path) != list(names)
    assert at(json.loads(with_names(stale)), path) == list(names)
    assert json.loads(with_names(text)) == present


def test_the_rest_of_the_file_stays_as_it_is() -> None:
    text = schema_text()
    assert with_names(text) == text
    added = text.replace('"description": "What a segment does."', '"description": "What it does."')
    assert with_names(added) == added
