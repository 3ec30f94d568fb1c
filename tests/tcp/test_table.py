from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.table import QUIET_ESTABLISHED_NS, QUIET_NS, ConnectionTable
from analyzer.wire.header import ACK, FIN, RST, SYN, Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import SEGMENT
from tests.tcp.transcript import Player, ip_packet, tcp_segment

Address = tuple[str, int]


def segment(source: Address, destination: Address, seq: int = 1, flags: int = ACK, ack: int = 1) -> Header:
    packet = ip_packet(source[0], destination[0], tcp_segment(source, destination, seq, ack, flags))
    header = Header()
    assert header.decode(packet, 0, len(packet), len(packet), RAW) == SEGMENT
    return header


ADDRESSES = [
    "10.0.0.1",
    "10.0.0.2",
    "10.1.0.1",
    "127.0.0.1",
    "::1",
    "::a00:1",
    "fe80::1",
    "2001:db8::1",
    "ffff::1",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ADDRESSES), st.sampled_from([1, 80, 65535]), st.sampled_from(ADDRESSES),
            st.sampled_from([1, 80, 65535]),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_both_directions_of_a_pair_are_one_connection(pairs: list[tuple[str, int, str, int]]) -> None:
    table = ConnectionTable(0, 0)
    numbers: dict[frozenset[Address], int] = {}
    first: dict[int, Address] = {}
    for frame, (left, left_port, right, right_port) in enumerate(pairs, 1):
        if (":" in left) != (":" in right):
            continue
        source, destination = (left, left_port), (right, right_port)
        connection = table.observe(segment(source, destination), frame, frame)
        number = numbers.setdefault(frozenset((source, destination)), len(numbers))
        assert connection.number == number
        assert table.connections[number] is connection
        assert table.step.direction == (source != first.setdefault(number, source))
    assert len(table.connections) == len(numbers)


def test_pairs_in_one_slot_are_told_apart() -> None:
    table = ConnectionTable(0, 0)
    server = ("10.0.0.2", 80)
    pairs = [((address, port), server) for address in ("10.0.0.1", "::1") for port in range(3000)]
    pairs = [(source, ("::2" if ":" in source[0] else "10.0.0.2", 80)) for source, _ in pairs]
    place = table.key(segment(*pairs[0])) % 64
    together = [pair for pair in pairs if table.key(segment(*pair)) % 64 == place][::4][:25]
    assert {source[0] for source, _ in together} == {"10.0.0.1", "::1"}
    for frame, (source, destination) in enumerate(together):
        assert table.observe(segment(source, destination), frame + 1, frame).number == frame
    for number, (source, destination) in reversed(list(enumerate(together))):
        assert table.observe(segment(destination, source), 99, 99).number == number
        assert table.step.direction == 1
    # One in the middle of them is replaced, and the others are still found.
    assert table.observe(segment(*together[7], seq=99, flags=SYN), 100, 100).number == 25
    assert table.connections[7].superseded
    for number, (source, destination) in enumerate(together):
        expected = 25 if number == 7 else number
        assert table.observe(segment(source, destination), 101, 101).number == expected


@given(st.sampled_from(ADDRESSES), st.integers(0, 65535), st.sampled_from(ADDRESSES), st.integers(0, 65535))
def test_the_key_does_not_depend_on_the_direction(left: str, port: int, right: str, other: int) -> None:
    if (":" in left) != (":" in right):
        return
    table = ConnectionTable(0, 2**63 - 1)
    header = segment((left, port), (right, other))
    key = table.key(header)
    assert key == table.key(segment((right, other), (left, port)))
    assert 0 <= key < 2**31
    connection = table.observe(header, 1, 1)
    assert table.key_of(connection) == key


def test_pairs_with_one_key_are_told_apart() -> None:
    table = ConnectionTable(0, 0)
    # One port more makes up for so many addresses less, in the arithmetic of the key.
    less = 2 * pow(int(table._factor), -1, 2**31 - 1) % (2**31 - 1)
    server = ("10.0.0.1", 443)
    one, other = (packed(0, 2**31 - 2, 4), 40000), (packed(0, 2**31 - 2 - less, 4), 40001)
    headers = segment(one, server), segment(other, server)
    assert table.key(headers[0]) == table.key(headers[1])
    for frame in range(1, 4):
        assert [table.observe(header, frame, frame).number for header in headers] == [0, 1]
    # Either gives way to a newer one.
    assert table.observe(segment(other, server, seq=7, flags=SYN), 5, 5).number == 2
    assert table.observe(segment(one, server, seq=7, flags=SYN), 6, 6).number == 3
    assert [table.observe(header, 7, 7).number for header in headers] == [3, 2]


def packed(high: int, low: int, version: int) -> str:
    return str(IPv4Address(low)) if version == 4 else str(IPv6Address(high << 64 | low))


SERVER = ("10.0.0.1", 443), ("2001:db8::1", 443)
REGULAR: dict[str, Callable[[int], tuple[Address, Address]]] = {
    "a scan of addresses": lambda place: (((packed(0, (11 << 24) + place, 4), 40000)), SERVER[0]),
    "a scan in steps of 256": lambda place: (((packed(0, (11 << 24) + 256 * place, 4), 40000)), SERVER[0]),
    "ports in order": lambda place: (("10.1.0.1", place), ("10.0.0.1", 443)),
    "ports that move on together": lambda place: (("10.1.0.1", place), ("10.0.0.1", place)),
    "one sum of ports": lambda place: (("10.1.0.1", place), ("10.0.0.1", 4095 - place)),
    "one exclusive or": lambda place: ((packed(0, place, 4), 5), (packed(0, place ^ 0x0A0A0A0A, 4), 5)),
    "a prefix of IPv6": lambda place: ((packed(0x20010DB8 << 32, place, 6), 40000), SERVER[1]),
    "networks of IPv6": lambda place: ((packed(0x20010DB8 << 32 | place, 1, 6), 40000), SERVER[1]),
}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1, 0x123456789ABCDEF0])
@pytest.mark.parametrize("name", REGULAR)
def test_regular_pairs_are_spread_over_the_slots(name: str, seed: int) -> None:
    table = ConnectionTable(0, seed)
    headers = [segment(*REGULAR[name](place)) for place in range(4096)]
    slots = Counter(table.key(header) & 4095 for header in headers)
    # By chance alone 2,589 of 4,096 slots would be the first one of somebody, and the most wanted of 6 or 7.
    assert len(slots) > 1800
    assert max(slots.values()) <= 16


@pytest.mark.slow
def test_pairs_that_collide_for_one_seed_do_not_for_another() -> None:
    known, secret = ConnectionTable(0, 1), ConnectionTable(0, 2)
    headers = [segment(("10.0.0.1", port), ("10.0.0.2", 80)) for port in range(60000)]
    colliding = [header for header in headers if known.key(header) & 63 == 7]
    assert len(colliding) > 600
    assert max(Counter(secret.key(header) & 63 for header in colliding).values()) < 60


def test_a_syn_with_a_new_number_starts_a_new_connection() -> None:
    table = ConnectionTable(0, 0)
    client, server = ("10.0.0.1", 1000), ("10.0.0.2", 80)
    assert table.observe(segment(client, server, 100, SYN), 1, 1).number == 0
    assert table.observe(segment(client, server, 100, SYN), 2, 2).number == 0
    assert table.observe(segment(client, server, 101, SYN), 3, 3).number == 1
    # What comes late from the old one belongs to the new one, as Wireshark has it.
    assert table.observe(segment(server, client, 100), 4, 4).number == 1
    # A SYN-ACK never starts one on a known pair, whatever its number.
    assert table.observe(segment(server, client, 900, SYN | ACK), 5, 5).number == 1


def test_a_syn_of_a_side_not_seen_yet_belongs_to_the_connection(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)      ; handshake-1
        < S 0:0(0)      ; handshake-1 (simultaneous_open)
        """
    )
    assert len(played.table.connections) == 1


def test_connections_are_numbered_as_they_appear(play: Player) -> None:
    world = replace(play.world, first="127.0.0.1", second="127.0.0.1")
    played = play(
        """
        > S 0:0(0)              ; handshake-1
        > S 0:0(0) isn +9       ; handshake-1 (reused_ports)
        > S 0:0(0) isn +9       ; handshake-1 (reused_ports)
        """,
        world=world,
    )
    assert [connection.number for connection in played.table.connections] == [0, 1, 2]
    assert played.built(0).notes == {}
    assert played.built(2).notes == {"reused_ports": 1}


# What leaves, and when.

SECOND = 1_000_000_000
CLIENTS = [("10.0.0.1", 1000 + number) for number in range(100)]
SERVER_80 = ("10.0.0.2", 80)


def exchange(table: ConnectionTable, client: Address, time_ns: int, last: str) -> int:
    """One connection as far as `last`: "syn", "refused", "open", "reset" or "closed"; answers its number."""
    number = table.observe(segment(client, SERVER_80, 100, SYN), 1, time_ns).number
    if last == "refused":
        table.observe(answer(client, 0, 101, RST | ACK), 1, time_ns)
    elif last != "syn":
        table.observe(answer(client, 500, 101, SYN | ACK), 1, time_ns)
        table.observe(ask(client, 101, 501, ACK), 1, time_ns)
    if last == "reset":
        table.observe(answer(client, 501, 101, RST | ACK), 1, time_ns)
    if last == "closed":
        table.observe(ask(client, 101, 501, FIN | ACK), 1, time_ns)
        table.observe(answer(client, 501, 102, FIN | ACK), 1, time_ns)
        table.observe(ask(client, 102, 502, ACK), 1, time_ns)
    return int(number)


def ask(client: Address, seq: int, ack: int, flags: int) -> Header:
    return segment(client, SERVER_80, seq, flags, ack)


def answer(client: Address, seq: int, ack: int, flags: int) -> Header:
    return segment(SERVER_80, client, seq, flags, ack)


def held(table: ConnectionTable) -> list[int]:
    return [int(connection.number) for connection in table.connections]


def departed(table: ConnectionTable) -> list[int]:
    numbers = [int(connection.number) for connection in table.departed]
    table.departed = []
    return numbers


def test_below_its_limit_nothing_leaves_a_table() -> None:
    table = ConnectionTable(8, 0)
    for number in range(8):
        exchange(table, CLIENTS[number], number, "closed")
    assert (held(table), departed(table), table.begun) == (list(range(8)), [], 8)


def test_what_is_over_leaves_first_then_the_unanswered_then_what_is_idle() -> None:
    table = ConnectionTable(8, 0)
    for number, last in enumerate(["open", "syn", "closed", "open", "refused", "syn", "reset", "open"]):
        exchange(table, CLIENTS[number], number * SECOND, last)
    exchange(table, CLIENTS[8], 8 * SECOND, "open")
    # Three are over, and the fourth is the older one of those that nobody answers.
    assert departed(table) == [1, 2, 4, 6]
    assert held(table) == [0, 3, 5, 7, 8]
    # Those that stay are found, those that have left are begun anew.
    assert table.observe(answer(CLIENTS[0], 501, 101, ACK), 9, 9 * SECOND).number == 0
    assert table.observe(ask(CLIENTS[2], 102, 502, ACK), 10, 9 * SECOND).number == 9
    for number in (10, 11, 12):
        exchange(table, CLIENTS[number], 10 * SECOND, "open")
    # 5 is unanswered; then those that were quiet for longest, where 0 has just been heard of.
    assert departed(table) == [3, 5, 7, 9]
    assert held(table) == [0, 8, 10, 11, 12]


def test_of_those_that_were_quiet_for_equally_long_no_more_than_half_leave() -> None:
    table = ConnectionTable(10, 0)
    for number in range(11):
        exchange(table, CLIENTS[number], SECOND, "syn")
    assert departed(table) == [0, 1, 2, 3, 4]
    assert held(table) == [5, 6, 7, 8, 9, 10]


def test_what_is_replaced_on_its_ports_is_over() -> None:
    table = ConnectionTable(4, 0)
    for number in range(2):
        exchange(table, CLIENTS[number], number, "open")
    table.observe(segment(CLIENTS[1], SERVER_80, 7000, SYN), 1, 2)
    exchange(table, CLIENTS[3], 3, "open")
    exchange(table, CLIENTS[4], 4, "open")
    assert departed(table) == [1, 2]
    assert held(table) == [0, 3, 4]


def test_what_is_replaced_on_its_ports_makes_room_for_what_replaces_it() -> None:
    table = ConnectionTable(4, 0)
    for number in range(4):
        exchange(table, CLIENTS[number], number, "open")
    assert table.observe(segment(CLIENTS[1], SERVER_80, 7000, SYN), 1, 4).number == 4
    assert departed(table) == [0, 1]
    assert held(table) == [2, 3, 4]
    assert table.observe(ask(CLIENTS[2], 101, 501, ACK), 2, 4).number == 2
    assert table.observe(answer(CLIENTS[1], 1, 7001, SYN | ACK), 3, 4).number == 4


def test_what_was_replaced_and_stays_gets_no_segment() -> None:
    table = ConnectionTable(4, 0)
    for number, last in enumerate(["closed", "closed", "open"]):
        exchange(table, CLIENTS[number], number, last)
    table.observe(segment(CLIENTS[2], SERVER_80, 7000, SYN), 1, 2)
    exchange(table, CLIENTS[3], 3, "open")
    assert departed(table) == [0, 1]
    assert held(table) == [2, 3, 4]
    assert table.observe(answer(CLIENTS[2], 1, 7001, SYN | ACK), 2, 4).number == 3


def test_what_was_quiet_for_long_enough_has_ended() -> None:
    table = ConnectionTable(0, 0, settling=True)
    for number, last in enumerate(["closed", "open", "syn", "refused"]):
        exchange(table, CLIENTS[number], 0, last)
    table.settle(QUIET_NS - 1)
    assert departed(table) == []
    table.settle(QUIET_NS)
    assert departed(table) == [0, 2, 3]
    table.settle(QUIET_ESTABLISHED_NS - 1)
    assert departed(table) == []
    table.settle(QUIET_ESTABLISHED_NS)
    assert departed(table) == [1]
    table.sweep()
    assert held(table) == []
    assert exchange(table, CLIENTS[1], 0, "open") == 4


def test_what_goes_on_has_not_ended() -> None:
    table = ConnectionTable(0, 0, settling=True)
    exchange(table, CLIENTS[0], 0, "syn")
    table.observe(answer(CLIENTS[0], 500, 101, SYN | ACK), 1, QUIET_NS - 1)
    table.settle(2 * QUIET_NS - 2)
    assert departed(table) == []
    table.settle(2 * QUIET_NS - 1)
    assert departed(table) == [0]


def test_what_closes_after_a_long_time_ends_soon_after_that() -> None:
    table = ConnectionTable(0, 0, settling=True)
    exchange(table, CLIENTS[0], 0, "open")
    # Past the time at which a connection that was never open would have ended, so that the later time is noted.
    table.settle(QUIET_NS)
    table.observe(ask(CLIENTS[0], 101, 501, FIN | ACK), 1, 2 * QUIET_NS)
    table.settle(3 * QUIET_NS - 1)
    assert departed(table) == []
    table.settle(3 * QUIET_NS)
    assert departed(table) == [0]


def test_they_leave_in_the_order_in_which_they_ended() -> None:
    table = ConnectionTable(0, 0, settling=True)
    for number, time_ns in enumerate([7, 5, 5, 6]):
        exchange(table, CLIENTS[number], time_ns, "closed")
    table.settle(QUIET_NS + 7)
    assert departed(table) == [1, 2, 3, 0]


def test_a_late_segment_of_what_has_left_begins_a_connection() -> None:
    table = ConnectionTable(0, 0, settling=True)
    exchange(table, CLIENTS[0], 0, "open")
    table.settle(QUIET_ESTABLISHED_NS)
    assert table.observe(answer(CLIENTS[0], 501, 101, ACK), 1, QUIET_ESTABLISHED_NS).number == 1
    # An ICMP error is about the one that is there.
    latest = table.latest(ask(CLIENTS[0], 101, 501, ACK))
    assert latest is not None
    assert latest.number == 1
    table.sweep()
    assert held(table) == [1]


def test_where_ended_ones_leave_so_does_the_one_whose_ports_are_used_again() -> None:
    table = ConnectionTable(0, 0, settling=True)
    exchange(table, CLIENTS[0], 0, "open")
    table.observe(segment(CLIENTS[0], SERVER_80, 7000, SYN), 1, 1)
    assert departed(table) == [0]
    assert table.observe(answer(CLIENTS[0], 1, 7001, SYN | ACK), 2, 2).number == 1


def test_what_has_left_is_not_among_those_held() -> None:
    """The list is swept before one that is held has to leave for a new one."""
    table = ConnectionTable(2, 0, settling=True)
    exchange(table, CLIENTS[0], 0, "closed")
    exchange(table, CLIENTS[1], 1, "closed")
    table.settle(QUIET_NS)
    exchange(table, CLIENTS[2], QUIET_NS, "open")
    assert departed(table) == [0]
    assert held(table) == [1, 2]


@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.sampled_from(["syn", "open", "closed"]))),
)
def test_what_ends_does_not_depend_on_how_often_it_is_asked(
    limit: int, begun: list[tuple[int, int, str]]
) -> None:
    """Each connection that was quiet for long enough when a segment comes has left, and no other."""
    tables = [ConnectionTable(2 * limit + 2, seed, settling=True) for seed in (1, 2)]
    left: list[list[int]] = [[], []]
    now = 0
    for client, later, last in begun:
        for step in range(1, 5):
            tables[1].settle(now + later * QUIET_NS // 8 * step)
        now += later * QUIET_NS // 2
        for table, gone in zip(tables, left, strict=True):
            table.settle(now)
            gone += departed(table)
            exchange(table, CLIENTS[client], now, last)
    for table, gone in zip(tables, left, strict=True):
        gone += departed(table)
        table.sweep()
    assert left[0] == left[1]
    assert held(tables[0]) == held(tables[1])
    assert sorted([*left[0], *held(tables[0])]) == list(range(tables[0].begun))


@given(
    st.integers(2, 12),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.sampled_from(["syn", "open", "closed"]))),
)
def test_a_bounded_table_loses_nothing(limit: int, begun: list[tuple[int, int, str]]) -> None:
    table = ConnectionTable(limit, 0)
    left: list[int] = []
    now = 0
    for client, later, last in begun:
        now += later
        exchange(table, CLIENTS[client], now, last)
        left += departed(table)
        assert len(table.connections) <= limit
        assert held(table) == sorted(held(table))
    assert sorted([*left, *held(table)]) == list(range(table.begun))
