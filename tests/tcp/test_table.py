from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.table import ConnectionTable
from analyzer.wire.header import ACK, SYN, Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import SEGMENT
from tests.tcp.transcript import Player, ip_packet, tcp_segment

Address = tuple[str, int]


def segment(source: Address, destination: Address, seq: int = 1, flags: int = ACK) -> Header:
    packet = ip_packet(source[0], destination[0], tcp_segment(source, destination, seq, 1, flags))
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
    table = ConnectionTable()
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


def twin(low: int, number: int) -> str:
    """Addresses that the mix of the key cannot tell apart: three times the upper half is folded into the lower."""
    return str(IPv6Address(number << 32 | low ^ 3 * number))


def test_pairs_with_the_same_key_are_told_apart() -> None:
    table = ConnectionTable()
    client, server = ("10.0.0.1", 1000), ("10.0.0.2", 80)
    pairs = [(client, server)]
    pairs += [((twin(0x0A000001, n), 1000), (twin(0x0A000002, m), 80)) for n in (0, 1, 2) for m in (0, 5)]
    assert len({table._key(segment(*pair)) for pair in pairs}) == 1
    for frame, (source, destination) in enumerate(pairs, 1):
        assert table.observe(segment(source, destination), frame, frame).number == frame - 1
    for number, (source, destination) in enumerate(pairs):
        assert table.observe(segment(destination, source), 9, 9).number == number
        assert table.step.direction == 1
        assert table.observe(segment(source, destination), 9, 9).number == number
        assert table.step.direction == 0


def test_the_key_does_not_depend_on_the_direction_and_differs_between_pairs() -> None:
    table = ConnectionTable()
    keys = set()
    for port in range(2000):
        left, right = ("10.0.0.1", 40000 + port % 50), (f"10.0.{port // 250}.{port % 250}", 80)
        key = table._key(segment(left, right))
        assert key == table._key(segment(right, left))
        assert 0 <= key < 2**62
        keys.add(key)
    assert len(keys) > 1990


def test_a_syn_with_a_new_number_starts_a_new_connection() -> None:
    table = ConnectionTable()
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
