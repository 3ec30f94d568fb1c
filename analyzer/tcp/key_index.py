"""From a key to the places where it is used, for a million keys and more.

Each slot is one plain number, and they lie side by side: a look-up waits once for memory that is far away, which also
has the place and says whether more slots are worth a look.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

__all__ = ["KeyIndex"]

_BITS: Final = 31
_PLACE: Final = (1 << _BITS) - 1


class KeyIndex:
    """Open addressing: a key is in the slot that its last bits say, or in the next free one after that.

    Keys are numbers of 31 bits, places too; a key may have several places.
    """

    def __init__(self, slots: i64 = 64) -> None:
        """slots: how many there are at first, a power of two; there are more when three quarters are taken."""
        self._used: i64 = 0
        # One more than the key, and behind it the place; 0 is a free one.
        self._slots: vec[i64] = vec[i64]([0] * slots)

    def slots(self) -> i64:
        return len(self._slots)

    def first(self, key: i64) -> i64:
        """A slot with this key; -1 where there is none."""
        return self._search(key, key)

    def next(self, key: i64, slot: i64) -> i64:
        """The next one after it; -1 where there is none."""
        return self._search(key, slot + 1)

    def place(self, slot: i64) -> i64:
        return self._slots[slot] & _PLACE

    def put(self, slot: i64, place: i64) -> None:
        """Let another place be the one of a slot."""
        self._slots[slot] = self._slots[slot] & ~_PLACE | place

    def add(self, key: i64, place: i64) -> None:
        """One more place of a key."""
        if 4 * self._used >= 3 * len(self._slots):
            self._grow()
        self._insert(key, (key + 1) << _BITS | place)
        self._used += 1

    def _search(self, key: i64, slot: i64) -> i64:
        slots = self._slots
        last = len(slots) - 1
        slot &= last
        there = slots[slot]
        while there != 0:
            if there >> _BITS == key + 1:
                return slot
            slot = (slot + 1) & last
            there = slots[slot]
        return -1

    def _insert(self, key: i64, taken: i64) -> None:
        slots = self._slots
        last = len(slots) - 1
        slot = key & last
        while slots[slot] != 0:
            slot = (slot + 1) & last
        slots[slot] = taken

    def _grow(self) -> None:
        slots = self._slots
        self._slots = vec[i64]([0] * (2 * len(slots)))
        for taken in slots:
            if taken != 0:
                self._insert((taken >> _BITS) - 1, taken)
