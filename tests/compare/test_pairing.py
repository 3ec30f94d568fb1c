"""Which connection is which, and whether two captures saw one exchange."""

from __future__ import annotations

import pytest

from analyzer.compare.pairing import RULES, Fingerprint, mode_of, pair_connections
from analyzer.report.comparison_text import RULE_WORDS
from analyzer.trace.values import EndpointAddress
from tests.compare.builders import (
    ANOTHER_RUN,
    NAT,
    RENUMBERED,
    TALK,
    Seen,
    compared,
    seen,
    without,
)
from tests.tcp.transcript import World

OTHER_TALK = TALK.replace("1:101(100)", "1:99(98)").replace("101", "99").replace("102", "100")


def rule_of(a: Seen, b: Seen) -> tuple[str, str]:
    prints = [a.fingerprint], [b.fingerprint]
    mode = mode_of(*prints)
    return mode, pair_connections(*prints, mode)[0].rule


@pytest.mark.parametrize(
    ("b", "mode", "rule"),
    [
        (seen(TALK), "two-places", "endpoints-and-isns"),
        (seen(TALK, NAT), "two-places", "isns"),
        (without(seen(TALK, NAT), 2), "two-places", "client-isn"),
        (without(seen(TALK, NAT), 1), "two-places", "server-isn"),
        (seen(TALK, RENUMBERED), "two-places", "server-isn"),
        (without(seen(TALK), 1, 2, 3, 4), "two-places", "endpoints-and-numbers"),
        (seen(TALK, World(5_200, 884_000, first="203.0.113.9")), "two-places", "timestamps"),
        (without(seen(TALK, NAT), 1, 2, 3), "two-places", "numbered-payload"),
        (seen(TALK.replace("val 100", "val 7"), ANOTHER_RUN), "two-runs", "server-and-payloads"),
        (
            seen(TALK.replace("val 100", "val 7").replace("1:51(50)", "1:52(51)"), ANOTHER_RUN),
            "two-runs",
            "server-and-request",
        ),
        (seen(OTHER_TALK.replace("val 100", "val 7"), ANOTHER_RUN), "two-runs", "server"),
    ],
)
def test_each_rule_has_its_case(b: Seen, mode: str, rule: str) -> None:
    assert rule_of(seen(TALK), b) == (mode, rule)


def stand_in(
    number: int, *, port: int = 40000, server: int = 80, isn: int = 1, payload: int = 5
) -> Fingerprint:
    return Fingerprint(
        number,
        EndpointAddress("192.0.2.1", port),
        EndpointAddress("198.51.100.2", server),
        (isn, isn + 1),
        (None, None),
        (payload, None),
        frozenset({(True, isn, payload)}),
        ((isn, 10), (isn + 1, 10)),
        guessed=False,
    )


def test_runs_of_several_pair_by_what_was_said_and_then_by_order() -> None:
    a = [stand_in(0, isn=10, payload=1), stand_in(1, isn=20, payload=2), stand_in(2, isn=30, payload=3)]
    b = [stand_in(0, isn=1000, payload=2), stand_in(1, isn=2000, payload=9), stand_in(2, isn=3000, payload=1)]
    assert mode_of(a, b) == "two-runs"
    pairs = [(pair.a, pair.b) for pair in pair_connections(a, b, "two-runs")]
    assert pairs == [(0, 2), (1, 0), (2, 1)]


def test_at_two_places_a_stranger_stays_alone() -> None:
    a = [stand_in(0, isn=10), stand_in(1, isn=20, port=5)]
    b = [stand_in(0, isn=10), stand_in(1, isn=99, port=6, payload=6)]
    assert [(pair.a, pair.b) for pair in pair_connections(a, b, "two-places")] == [(0, 0)]


def test_an_address_used_again_is_no_proof_where_it_says_something_else() -> None:
    far = stand_in(0, isn=2**31, payload=9)
    assert mode_of([stand_in(0)], [far]) == "two-runs"
    assert pair_connections([stand_in(0)], [far], "two-places") == []
    assert (
        pair_connections([stand_in(0)], [far._replace(first_payloads=(5, None))], "two-places")[0].rule
        == "endpoints"
    )


def test_another_port_pairs_by_payload_or_as_the_only_one() -> None:
    a, b = [stand_in(0)], [stand_in(0, isn=7000, server=81)]
    assert pair_connections(a, b, "two-runs")[0].rule == "payloads"
    b = [stand_in(0, isn=7000, server=81, payload=6)]
    assert pair_connections(a, b, "two-runs")[0].rule == "only-one-left"
    assert pair_connections(a, [*b, stand_in(1, isn=8000, server=82, payload=7)], "two-runs") == []
    b = [stand_in(0, isn=7000)._replace(server=EndpointAddress("192.0.2.99", 80))]
    assert pair_connections(a, b, "two-runs")[0].rule == "port-and-payloads"
    assert pair_connections(a, [b[0]._replace(first_payloads=(None, 1))], "two-runs")[0].rule == "server-port"


def test_every_rule_has_words() -> None:
    assert {rule.name for rule in RULES} == RULE_WORDS.keys()


@pytest.mark.parametrize("late", ["a", "b"])
def test_a_capture_that_had_to_guess_who_is_the_client_is_turned_round(late: str) -> None:
    whole = seen(TALK, World(26_000, 26 * 10**8 - 26, second_port=45000))
    # By the ports alone the server is whoever has the lower one.
    midway = seen(
        "< P. 1:51(50) ack 101\n> . 101:101(0) ack 51", World(26_000, 26 * 10**8 - 26, second_port=45000)
    )
    assert midway.connection.client.port == 45000
    found = compared(midway, whole) if late == "a" else compared(whole, midway)
    assert (found.mode, found.pair.turned, found.pair.rule) == ("two-places", late, "endpoints-and-numbers")
    assert found.a.client == found.b.client == whole.connection.client
    assert found.a.client_data.bytes == (0 if late == "a" else 100)
    both = [row for row in found.rows if row.a and row.b]
    assert [row.shown.from_client for row in both] == [False, True]
    assert all(not row.differences for row in both)
    assert not [fact for fact in found.facts if "address" in fact.what]
