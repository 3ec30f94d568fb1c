"""The JSON document of a comparison against its schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer.compare.both_captures import Comparison, compare_captures
from analyzer.compare.clocks import TROUBLES
from analyzer.compare.differences import DIFFERENCES
from analyzer.report.comparison_document import SCHEMA_NAME, write_comparison

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = ROOT / "captures"
SCHEMA = json.loads((ROOT / "analyzer" / "report" / "tcpanalyze-diff-1.schema.json").read_text("utf-8"))


def document(comparison: Comparison) -> dict[str, Any]:
    stream = io.StringIO()
    unpaired = (
        [comparison.a[number] for number in comparison.only_a],
        [comparison.b[number] for number in comparison.only_b],
    )
    write_comparison(
        (comparison.a.capture, comparison.b.capture), comparison.mode, comparison, unpaired, stream
    )
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("both-ends/client.pcap", "both-ends/server.pcap"),
        ("echo.pcap", "four-way.pcap"),
        ("clients.pcap", "echo.pcap"),
        ("refused.pcap", "refused.pcap"),
    ],
)
def test_it_is_valid(a: str, b: str) -> None:
    found = document(compare_captures(CAPTURES / a, CAPTURES / b))
    assert found["schema"] == SCHEMA_NAME
    jsonschema.Draft202012Validator(SCHEMA).validate(found)


def test_what_it_says() -> None:
    found = document(
        compare_captures(CAPTURES / "both-ends" / "client.pcap", CAPTURES / "both-ends" / "server.pcap")
    )
    (pair,) = found["pairs"]
    assert pair["paired_by"] == "isns"
    assert pair["facts"][0] == {
        "what": "client address", "a": "10.0.0.1", "b": "10.99.0.1", "difference": "rewritten",
    }  # fmt: skip
    assert pair["facts"][2]["difference"] is None
    assert pair["clocks"]["client_side"] == "a"
    lost = [row for row in pair["rows"] if row["differences"] == ["missing"]]
    assert [(row["seq"], row["b"], row["late_ns"], row["delay_ns"]) for row in lost] == [
        (2001, [], None, None)
    ]
    assert pair["rows"][0]["changes"] == [{"what": "MSS", "a": "1460", "b": "1400"}]


def test_connections_without_a_counterpart() -> None:
    found = document(compare_captures(CAPTURES / "clients.pcap", CAPTURES / "echo.pcap"))
    assert [one["id"] for one in found["unpaired"]["a"]] == [0, 1, 2, 3, 4, 5]
    assert [one["server"]["port"] for one in found["unpaired"]["b"]] == [20000]
    assert found["pairs"] == []


def test_the_schema_knows_every_name() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["difference"]["enum"] == [difference.name for difference in DIFFERENCES]
    assert set(SCHEMA["$defs"]["clocks"]["properties"]["trouble"]["enum"]) == {*TROUBLES, None}


def test_a_connection_without_segments_in_both_is_valid_too() -> None:
    found = document(compare_captures(CAPTURES / "echo.pcap", CAPTURES / "echo.pcap"))
    found["pairs"][0]["rows"] = []
    found["pairs"][0]["unknown"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(found)
