from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.key_index import KeyIndex

LARGEST = 2**31 - 1


def places(index: KeyIndex, key: int) -> list[int]:
    found = []
    slot = index.first(key)
    while slot >= 0:
        found.append(index.place(slot))
        slot = index.next(key, slot)
    return found


# Few ends, so that keys meet in one slot; the last of 64 slots, so that they go on in the first one.
keys = st.builds(
    lambda begin, end: begin << 6 | end, st.integers(0, LARGEST >> 6), st.sampled_from([0, 1, 62, 63])
)


@given(st.lists(st.one_of(keys, st.sampled_from([0, 63, LARGEST]), st.integers(0, LARGEST)), max_size=200))
def test_every_place_of_a_key_is_found(wanted: list[int]) -> None:
    index = KeyIndex()
    expected: dict[int, list[int]] = {}
    for place, key in enumerate(wanted):
        assert sorted(places(index, key)) == expected.get(key, [])
        index.add(key, place)
        expected.setdefault(key, []).append(place)
    for key, known in expected.items():
        assert sorted(places(index, key)) == known
        assert places(index, key ^ 1 << 20) == sorted(expected.get(key ^ 1 << 20, []))


def test_a_place_gives_way_to_another() -> None:
    index = KeyIndex()
    for place in range(3):
        index.add(7, place)
    index.add(71, 99)
    slot = index.next(7, index.first(7))
    index.put(slot, LARGEST)
    assert places(index, 7) == [0, LARGEST, 2]
    assert places(index, 71) == [99]


def test_a_quarter_of_the_slots_is_free() -> None:
    index = KeyIndex(4)
    for key in range(3):
        index.add(key, key)
    assert index.slots() == 4
    index.add(3, 3)
    assert index.slots() == 8
    for key in range(4, 1000):
        index.add(key, key)
    assert index.slots() == 2048
    assert all(places(index, key) == [key] for key in range(1000))
    assert places(index, 1000) == []
