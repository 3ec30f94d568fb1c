from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from analyzer.analysis.stored import analyze
from analyzer.report.document import (
    SCHEMA_NAME,
    Described,
    capture_line,
    connection_line,
    document,
    schema,
    write_document,
)
from analyzer.report.terminal import Style
from analyzer.report.text_report import report_lines
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from analyzer.tcp.outcomes import CLOSES, FAST_OPENS, HANDSHAKES, ROLES
from analyzer.tcp.states import STATES
from analyzer.text import install_catalogue
from analyzer.trace.confidence import DOUBTS
from analyzer.trace.values import Confidence, Connection, Folded, Trace
from analyzer.wire.icmp import ERROR_KINDS
from tests.diagram.builders import Stage, refused, unreachable
from tests.report.builders import CAPTURE, OFFER, crowd, echo_connection, trace_of

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
VALIDATOR = Draft202012Validator(schema())


def written(trace: Trace, **options: Any) -> str:
    stream = io.StringIO()
    write_document(trace, stream, **options)
    return stream.getvalue()


def noted() -> Trace:
    stage = Stage().open()
    for label in LABELS:
        stage.send("client", "PSH,ACK", 1, 1, label.name, payload=b"\x1b[31m")
    for note in NOTES:
        stage.send("server", "ACK", 1, None, "ack", notes=note.name)
    return trace_of(echo_connection(), stage.close().connection(), refused().connection())


class EveryString(dict[str, str]):
    """A catalogue in which each string is another one."""

    def get(self, sentence: str, default: Any = None) -> Any:
        return f"⟦{sentence}⟧"


@pytest.fixture
def other_language() -> Iterator[Callable[[], None]]:
    """Changes to a language in which no string is as it was; afterwards it is English again."""
    yield lambda: install_catalogue(EveryString())
    install_catalogue({})


def outputs(path: Path) -> tuple[str, list[str], str]:
    trace = analyze(path)
    return (
        written(trace),
        [connection_line(connection) for connection in trace],
        capture_line(trace.capture),
    )


@pytest.mark.parametrize("name", ["echo", "unreachable", "loss", "reset", "cut"])
def test_the_document_is_the_same_in_every_language(
    tmp_path: Path, name: str, other_language: Callable[[], None]
) -> None:
    path = CAPTURES / f"{name}.pcap"
    if name == "cut":
        path = tmp_path / "cut.pcap"
        path.write_bytes((CAPTURES / "echo.pcap").read_bytes()[:-1])
    english = outputs(path)
    other_language()
    assert outputs(path) == english
    shown = "".join(report_lines(analyze(path), Style(80)))
    assert "⟦" in shown


@pytest.mark.parametrize("trace", [trace_of(), trace_of(echo_connection()), noted(), crowd(30)])
@pytest.mark.parametrize("segments", [True, False])
def test_documents_follow_the_schema(trace: Trace, segments: bool) -> None:
    VALIDATOR.validate(document(trace, segments=segments))


@pytest.mark.parametrize("trace", [trace_of(), trace_of(echo_connection()), noted(), crowd(3)])
@pytest.mark.parametrize("segments", [True, False])
def test_what_is_written_is_the_document(trace: Trace, segments: bool) -> None:
    text = written(trace, segments=segments)
    assert json.loads(text) == document(trace, segments=segments)
    assert text.isascii()
    assert text.endswith("]}\n")


def test_the_shape() -> None:
    connection = document(trace_of(echo_connection()))["connections"][0]
    assert connection["client"] == {"address": "127.0.0.1", "port": 42014}
    assert connection["handshake"] == {
        "outcome": "complete",
        "reset_by": None,
        "frames": {"syn": 1, "syn_ack": 2, "ack": 3},
        "rtt_ns": {"syn": 15_000, "ack": 15_000},
        "retries": {"syn": 0, "syn_ack": 0},
        "retry_delays_ns": {"syn": [], "syn_ack": []},
        "options": {
            "client": {
                "mss": 65495,
                "window_scale": 10,
                "sack_permitted": True,
                "timestamps": True,
                "ecn": False,
                "fast_open_cookie": None,
            },
            "server": document(trace_of(echo_connection()))["connections"][0]["handshake"]["options"][
                "client"
            ],
            "effective_mss": 65495,
            "window_scaling": True,
            "sack": True,
            "timestamps": True,
            "ecn": False,
            "fast_open": None,
        },
    }
    assert connection["close"] == {
        "outcome": "three-segment",
        "active": "client",
        "frames": [8, 9, 10],
        "time_wait": ["client"],
        "data_lost": False,
    }
    assert connection["states"] == {"client": "TIME-WAIT", "server": "CLOSED"}
    assert connection["segments"][0] == {
        "frame": 1,
        "time_ns": 1_700_000_000_000_000_000,
        "from": "client",
        "flags": "SYN",
        "seq": 0,
        "ack": None,
        "length": 0,
        "window": 65536,
        "labels": ["handshake-1"],
        "notes": [],
        "client_state": ["CLOSED", "SYN-SENT"],
        "server_state": ["LISTEN", "SYN-RECEIVED"],
        "why": "",
    }


def test_what_the_capture_lost_and_what_is_in_doubt() -> None:
    connection = echo_connection()
    certain = document(trace_of(connection))
    assert certain["capture"]["lost_frames"] is None
    assert certain["connections"][0]["confidence"] == "full"
    assert certain["connections"][0]["doubts"] == []
    connection.doubts = tuple(DOUBTS)
    lost = document(trace_of(connection, capture=replace(CAPTURE, lost_frames=3)))
    assert lost["capture"]["lost_frames"] == 3
    assert lost["connections"][0]["confidence"] == "lowered"
    assert lost["connections"][0]["doubts"] == list(DOUBTS)
    VALIDATOR.validate(lost)
    names = schema()["$defs"]["connection"]["properties"]["doubts"]["items"]["enum"]
    assert names == list(DOUBTS)


def test_one_line_for_each_segment() -> None:
    lines = written(trace_of(echo_connection())).splitlines()
    assert lines[0] == f'{{"schema": "{SCHEMA_NAME}",'
    assert sum(line.startswith('    {"frame": ') for line in lines) == 10


def test_a_connection_is_written_before_the_next_is_asked_for() -> None:
    stream = io.StringIO()
    seen: list[str] = []

    class Watched(Trace):
        def __iter__(self) -> Iterator[Any]:
            for connection in super().__iter__():
                seen.append(stream.getvalue())
                yield connection

    write_document(Watched(CAPTURE, crowd(3).connections), stream)
    assert '"id": 1' in seen[2]


def test_only_the_selected_ones() -> None:
    trace = crowd(5)
    text = written(trace, connections=[trace[4], trace[2]])
    assert [connection["id"] for connection in json.loads(text)["connections"]] == [4, 2]
    assert [one["id"] for one in document(trace, connections=[trace[1]])["connections"]] == [1]
    assert document(trace, connections=[])["connections"] == []


def test_a_described_connection_is_that_of_the_document() -> None:
    trace = trace_of(noted()[0])
    whole = document(trace, segments=False)
    assert dict(Described(trace[0], None)) == whole["connections"][0]
    assert len(Described(trace[0], None)) == len(whole["connections"][0])
    assert dict(Described(trace[0], CAPTURE)) == {**whole["connections"][0], "capture": whole["capture"]}
    assert len(Described(trace[0], CAPTURE)) == len(whole["connections"][0]) + 1
    assert "capture" not in Described(trace[0], None)


def test_of_a_described_connection_only_what_is_asked_for_is_made() -> None:
    class Watched(Connection):
        @property
        def confidence(self) -> Confidence:
            raise AssertionError("nobody asked for it")

    one = echo_connection()
    watched = Watched(**{name: getattr(one, name) for name in Connection.__dataclass_fields__})
    assert Described(watched, None)["server"] == {"address": str(one.server.address), "port": one.server.port}
    with pytest.raises(AssertionError):
        Described(watched, None)["confidence"]


def test_no_payload_and_nothing_that_acts() -> None:
    text = written(noted())
    assert "[31m" not in text
    hostile = trace_of(capture=replace(CAPTURE, path="\udcff\x1b\u202e.pcap", warnings=("\x9b",)))
    text = written(hostile)
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["capture"]["path"] == "\\udcff\x1b\u202e.pcap"


def definitions() -> dict[str, Any]:
    found: dict[str, Any] = schema()["$defs"]
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_names_in_the_schema_are_those_of_the_tables() -> None:
    defined = definitions()
    assert defined["label"]["enum"] == [label.name for label in LABELS]
    assert defined["note"]["enum"] == [note.name for note in NOTES]
    assert defined["state"]["enum"] == list(STATES)
    assert defined["handshake"]["properties"]["outcome"]["enum"] == [row.name for row in HANDSHAKES]
    assert defined["close"]["properties"]["outcome"]["enum"] == [row.name for row in CLOSES]
    assert defined["connection"]["properties"]["roles"]["enum"] == [row.name for row in ROLES]
    options = defined["handshake"]["properties"]["options"]["properties"]
    assert options["fast_open"]["enum"] == [*(row.name for row in FAST_OPENS), None]


def test_the_icmp_errors_in_the_schema_are_those_of_the_table() -> None:
    names = list(dict.fromkeys(kind.name for kind in ERROR_KINDS.values()))
    assert definitions()["icmp_error_kind"]["enum"] == names


def test_what_the_network_said() -> None:
    capture = replace(CAPTURE, icmp_errors_elsewhere={"port-unreachable": 2})
    made = document(trace_of(unreachable(2).connection(), capture=capture))
    VALIDATOR.validate(made)
    assert made["capture"]["icmp_errors_elsewhere"] == {"port-unreachable": 2}
    connection = made["connections"][0]
    assert connection["icmp_error_count"] == 2
    assert connection["icmp_errors"][1] | {"time_ns": 0} == {
        "frame": 3,
        "time_ns": 0,
        "sender": "10.0.0.254",
        "kind": "host-unreachable",
        "text": "host unreachable",
        "about": "client",
        "seq": 1,
        "answers": 1,
        "mtu": None,
    }


def objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for value in part.values():
            yield from objects(value)
    elif isinstance(part, list):
        for value in part:
            yield from objects(value)


def test_no_object_takes_what_it_does_not_name() -> None:
    for found in objects(schema()):
        assert "additionalProperties" in found
        if "properties" in found:
            assert found["additionalProperties"] is False
            assert set(found["properties"]) - set(found["required"]) <= {"segments"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "tcpanalyze/2"),
        (("capture", "frames"), -1),
        (("connections", 0, "roles"), "guess"),
        (("connections", 0, "close", "outcome"), "five-segment"),
        (("connections", 0, "segments", 0, "labels"), ["handshake-4"]),
        (("connections", 0, "segments", 0, "flags"), "SYN,,ACK"),
        (("connections", 0, "segments", 0, "client_state"), ["CLOSED"]),
        (("connections", 0, "notes"), {"odd": 1}),
        (("connections", 0, "extra"), 1),
    ],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[str | int, ...], value: object) -> None:
    made: Any = document(trace_of(echo_connection()))
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(made)


def test_a_syn_that_was_not_captured() -> None:
    connection = echo_connection()
    connection.handshake = replace(connection.handshake, client_options=None, server_options=OFFER, sack=None)
    made = document(trace_of(connection))
    assert made["connections"][0]["handshake"]["options"]["client"] is None
    VALIDATOR.validate(made)


FOLDED = Folded(
    connections=4_999_000,
    segments=4_999_100,
    bytes=70,
    handshakes={"unanswered": 4_998_950, "complete": 50},
    closes={"none": 4_998_950, "four-segment": 50},
    server_ports={80: 4_998_000, 443: 1_000},
)


def test_what_was_folded_is_in_the_document() -> None:
    capture = replace(CAPTURE, folded=FOLDED)
    made = document(trace_of(echo_connection(), capture=capture))
    VALIDATOR.validate(made)
    assert made["capture"]["folded"]["connections"] == 4_999_000
    assert made["capture"]["folded"]["server_ports"][0] == {"port": 80, "connections": 4_998_000}
    made["capture"]["folded"]["ports"] = {}
    assert not VALIDATOR.is_valid(made)


def test_a_line_is_a_connection_or_says_what_was_read() -> None:
    trace = trace_of(echo_connection())
    made = document(trace, segments=False)
    assert json.loads(connection_line(trace[0])) == made["connections"][0]
    assert json.loads(capture_line(trace.capture)) == {"schema": SCHEMA_NAME, "capture": made["capture"]}
    assert "\n" not in connection_line(trace[0]) + capture_line(trace.capture)
    line = Draft202012Validator({"$ref": "#/$defs/line", "$defs": schema()["$defs"]})
    line.validate(made["connections"][0])
    line.validate({"schema": SCHEMA_NAME, "capture": made["capture"]})
    assert not line.is_valid({"capture": made["capture"]})
