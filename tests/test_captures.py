"""The recordings in captures/: each still says what it said when it was recorded.

After a change that is meant, write the documents anew from the top of the checkout:

    for name in captures/*.pcap*; do ./tcpanalyze "$name" --json > "${name%.*}.json"; done
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer import analyze
from analyzer.report.document import schema, write_document

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = sorted(path.name for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"})

# What each recording promises: how it opens, how it closes, who closes first, who keeps TIME-WAIT.
PROMISES = {
    "echo.pcap": ("complete", "three-segment", "client", ["client"]),
    "hello.pcap": ("complete", "three-segment", "client", ["client"]),
    "thanks.pcap": ("complete", "three-segment", "server", ["server"]),
    "refused.pcap": ("refused", "none", None, []),
    "reset.pcap": ("complete", "reset", "client", []),
    "half-close.pcapng": ("complete", "four-segment", "client", ["client"]),
}


def document_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ROOT)
    stream = io.StringIO()
    write_document(analyze(os.path.join("captures", name)), stream)
    return stream.getvalue()


def test_every_recording_has_a_promise() -> None:
    assert sorted(PROMISES) == CAPTURES


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_says_what_it_promises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[dict[str, Any]] = json.loads(document_of(name, monkeypatch))["connections"]
    assert len(connections) == 1
    found = connections[0]
    close = found["close"]
    promise = (found["handshake"]["outcome"], close["outcome"], close["active"], close["time_wait"])
    assert promise == PROMISES[name]
    assert found["states"]["client" if close["active"] != "server" else "server"] in {"TIME-WAIT", "CLOSED"}


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_has_the_document_beside_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = document_of(name, monkeypatch)
    kept = (ROOT / "captures" / name).with_suffix(".json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(kept)
    assert text == kept


@pytest.mark.parametrize("name", CAPTURES)
def test_document_is_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document_of(name, monkeypatch)))
