"""What is changed on the way."""

from __future__ import annotations

import pytest

from analyzer.compare.differences import Mode
from tests.compare.builders import (
    ANOTHER_RUN,
    NAT,
    RENUMBERED,
    SYNS,
    TALK,
    WORLD,
    compared,
    differing,
    moved,
    seen,
)

SACK = TALK.replace("< . 1:1(0) ack 101", "< . 1:1(0) ack 101 <sack {left} {right}>")


@pytest.mark.parametrize(
    ("before", "after", "mode", "expected"),
    [
        ("mss 1460,sackOK,TS val 100", "mss 1400,sackOK,TS val 100", None, ["1|1 changed [MSS 1460 -> 1400]"]),
        ("1460,sackOK,TS val 900", "1460,nop,nop,TS val 900", None, ["2|2 changed [SACK permitted yes -> none]"]),
        ("ecr 0,nop,wscale 7", "ecr 0", None, ["1|1 changed [window scale 7 -> none]"]),
        ("ecr 0,nop,wscale 7", "ecr 0,nop,wscale 2", None, ["1|1 changed [window scale 7 -> 2]"]),
        ("mss 1460,sackOK,TS val 100 ecr 0", "mss 1460,sackOK", None, ["1|1 changed [timestamps yes -> none]"]),
        ("ecr 0,nop,wscale 7", "ecr 0,nop,wscale 7,FO c00c1e", None, ["1|1 changed [Fast Open cookie none -> c00c1e]"]),
        ("ecr 0,nop,wscale 7", "ecr 0,nop,wscale 7,hex 1e03aa", None, ["1|1 changed [Multipath TCP none -> aa]"]),
        ("ecr 0,nop,wscale 7", "ecr 0,nop,wscale 7,hex 6303aa", None, ["1|1 changed [option 99 none -> aa]"]),
        ("< P. 1:51(50) ack 101", "< P. 1:51(50) ack 101 win 5", None, ["6|6 changed [window 64240 -> 5]"]),
        ("< P. 1:51(50) ack 101", "< P. 1:51(50) ack 101 win 5", "two-runs", []),
        ("win 64240 <", "win 1000 <", "two-runs", ["1|1 changed [window 64240 -> 1000]"]),
        ("< P. 1:51(50)", "< . 1:51(50)", None, ["6|6 changed [flags PSH,ACK -> ACK]"]),
        ("> F. 101:101(0) ack 51", "> F. 101:101(0) ack 50", None, ["8|8 changed [ack 51 -> 50]"]),
    ],
)  # fmt: skip
def test_fields(before: str, after: str, mode: Mode | None, expected: list[str]) -> None:
    assert before in TALK
    assert differing(compared(seen(TALK), seen(TALK.replace(before, after)), mode)) == expected


def test_a_cookie_is_another_in_every_run_and_timestamps_may_be_garbage() -> None:
    cookie = TALK.replace("ecr 0,nop,wscale 7", "ecr 0,nop,wscale 7,FO c00c1e")
    other = cookie.replace("c00c1e", "c00c1f")
    assert differing(compared(seen(cookie), seen(other), "two-runs")) == []
    assert differing(compared(seen(cookie), seen(other))) == [
        "1|1 changed [Fast Open cookie c00c1e -> c00c1f]"
    ]
    garbage = TALK.replace("TS val 100 ecr 0", "hex 08040000")
    assert differing(compared(seen(TALK), seen(garbage))) == []


def test_a_payload_that_changed_says_where() -> None:
    a = seen(TALK)
    b = moved(
        a,
        change=lambda one: (
            one._replace(content=1, payload=b"bcdZ" + one.payload[4:]) if one.length == 100 else one
        ),
    )
    assert differing(compared(a, b)) == ["4|4 changed [payload 65 66 67 68 -> 5a 66 67 68]"]
    b = moved(a, change=lambda one: one._replace(content=1) if one.length == 100 else one)
    assert differing(compared(a, b)) == ["4|4 changed [payload  -> ]"]


def test_of_a_payload_cut_by_the_capture_the_beginning_is_compared() -> None:
    a = seen(TALK)
    b = seen(TALK.replace("1:101(100) ack 1", "1:101(100) ack 1 cut 60"))
    assert differing(compared(a, b)) == []
    b.segments[3] = b.segments[3]._replace(payload=b"?" + b.segments[3].payload[1:])
    assert differing(compared(a, b)) == ["4|4 changed [payload 62 63 64 65 -> 3f 63 64 65]"]


def test_a_congestion_mark_set_on_the_way() -> None:
    a = seen(TALK)
    b = moved(a, change=lambda one: one._replace(traffic_class=3) if one.length == 100 else one)
    assert differing(compared(a, b)) == ["4|4 changed [traffic class 0x00 -> 0x03]"]
    assert differing(compared(a, b, "two-runs")) == []


def test_numbers_rewritten_all_along_are_one_fact() -> None:
    b = seen(SACK.format(left=RENUMBERED.first_isn + 40, right=RENUMBERED.first_isn + 60), RENUMBERED)
    found = compared(seen(SACK.format(left=WORLD.first_isn + 40, right=WORLD.first_isn + 60)), b)
    assert differing(found) == []
    assert [fact[:2] for fact in found.facts] == [("rewritten", "client ISN")]
    assert found.facts[0].in_b == str(RENUMBERED.first_isn)


def test_selective_acknowledgements_that_were_not_rewritten_with_them_are_seen() -> None:
    blocks = SACK.format(left=WORLD.first_isn + 40, right=WORLD.first_isn + 60)
    found = compared(seen(blocks), seen(blocks, RENUMBERED))
    assert differing(found) == ["5|5 changed [SACK 40–60 -> 20840–20860]"]


def test_timestamps_rewritten_all_along_are_one_fact_and_a_single_one_is_a_change() -> None:
    stamped = SYNS + "> P. 1:101(100) ack 1 <nop,nop,TS val 120 ecr 900>\n"
    later = (
        stamped.replace("val 100", "val 5100").replace("val 120", "val 5120").replace("ecr 100", "ecr 5100")
    )
    found = compared(seen(stamped), seen(later))
    assert differing(found) == []
    assert [fact.what for fact in found.facts] == ["client timestamps"]
    odd = compared(seen(stamped), seen(later.replace("val 5120", "val 5121")))
    assert differing(odd) == ["4|4 changed [timestamp 120 -> 5121]"]


def test_translated_addresses_are_rewritten_at_two_places_and_only_told_between_runs() -> None:
    found = compared(seen(TALK), moved(seen(TALK, NAT), hops=2))
    assert differing(found) == []
    assert [tuple(fact) for fact in found.facts] == [
        ("rewritten", "client address", "192.0.2.1", "203.0.113.9"),
        ("rewritten", "client port", "40000", "6001"),
        ("", "client hop limit", "64", "62"),
        ("", "server hop limit", "64", "66"),
    ]
    runs = compared(seen(TALK), seen(TALK, ANOTHER_RUN), "two-runs")
    assert runs.facts == ()
    assert [tuple(fact)[:2] for fact in compared(seen(TALK), seen(TALK, NAT), "two-runs").facts] == [
        ("", "client address")
    ]


def test_outcomes() -> None:
    found = compared(seen(TALK), seen("\n".join(TALK.splitlines()[:-2])))
    assert [tuple(fact) for fact in found.facts] == [
        ("outcome", "close", "three-segment", "unacknowledged"),
    ]
    assert "missing" in found.counts
