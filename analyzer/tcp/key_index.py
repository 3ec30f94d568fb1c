"""From a key to the places where it is used, for a million keys and more.

Both arrays hold plain numbers, four octets each: a look-up touches one line of memory, and what lies there says
whether more are worth a look.
"""

from __future__ import annotations

from librt.vecs import vec
from mypy_extensions import i32, i64

__all__ = ["KeyIndex"]


class KeyIndex:
    """Open addressing: a key is in the slot that its last bits say, or in the next free one after that.

    Keys are numbers of 31 bits, places too; a key may have several places.
    """

    def __init__(self, slots: i64 = 64) -> None:
        """slots: how many there are at first, a power of two; there are more when three quarters are taken."""
        self._used: i64 = 0
        # Complements of keys: 0, which none has, says that a slot is free.
        self._keys: vec[i32] = vec[i32]([0] * slots)
        self._places: vec[i32] = vec[i32]([0] * slots)

    def slots(self) -> i64:
        return len(self._keys)

    def first(self, key: i64) -> i64:
        """A slot with this key; -1 where there is none."""
        return self._search(key, key)

    def next(self, key: i64, slot: i64) -> i64:
        """The next one after it; -1 where there is none."""
        return self._search(key, slot + 1)

    def place(self, slot: i64) -> i64:
        return i64(self._places[slot])

    def put(self, slot: i64, place: i64) -> None:
        """Let another place be the one of a slot."""
        self._places[slot] = i32(place)

    def add(self, key: i64, place: i64) -> None:
        """One more place of a key."""
        if 4 * self._used >= 3 * len(self._keys):
            self._grow()
        self._insert(~key, place)
        self._used += 1

    def _search(self, key: i64, slot: i64) -> i64:
        keys = self._keys
        last = len(keys) - 1
        slot &= last
        there = i64(keys[slot])
        while there != 0:
            if there == ~key:
                return slot
            slot = (slot + 1) & last
            there = i64(keys[slot])
        return -1

    def _insert(self, complement: i64, place: i64) -> None:
        keys = self._keys
        last = len(keys) - 1
        slot = ~complement & last
        while keys[slot] != 0:
            slot = (slot + 1) & last
        keys[slot] = i32(complement)
        self._places[slot] = i32(place)

    def _grow(self) -> None:
        keys, places = self._keys, self._places
        count = len(keys)
        self._keys = vec[i32]([0] * (2 * count))
        self._places = vec[i32]([0] * (2 * count))
        for slot in range(count):
            complement = i64(keys[slot])
            if complement != 0:
                self._insert(complement, i64(places[slot]))
