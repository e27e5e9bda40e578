"""Numbering arbitrary page addresses or object ids densely, in the order of their first appearance."""

import numpy as np

from mmrun.model.library.single import compiled

FREE = -1  # in `numbers`: the slot is empty


class Numbering:
    """An open-addressing hash table from 64-bit keys to 0, 1, 2, ..; it grows, so memory follows the distinct keys."""

    def __init__(self) -> None:
        self.count = 0
        self._keys, self._numbers = _table(1 << 16)

    def number(self, keys: np.ndarray) -> np.ndarray:
        """The number of every key (int64 or uint64, [n]), giving new keys the next free ones; int64 [n]."""
        keys = np.ascontiguousarray(keys).view(np.int64)
        out = np.empty(keys.size, dtype=np.int64)
        done = 0
        while True:
            done, self.count = _number(keys, out, done, self._keys, self._numbers, self.count)
            if done == keys.size:
                return out
            self._grow()

    def _grow(self) -> None:
        used = self._numbers != FREE
        known = np.empty(self.count, dtype=np.int64)
        known[self._numbers[used]] = self._keys[used]
        self._keys, self._numbers = _table(self._keys.size * 4)
        _number(known, np.empty(self.count, dtype=np.int64), 0, self._keys, self._numbers, 0)


def _table(slots: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(slots, dtype=np.int64), np.full(slots, FREE, dtype=np.int64)


@compiled
def _number(keys, out, start, table_keys, table_numbers, count):
    """Number keys from `start` on until done or the table is half full; (next key, count)."""
    mask = table_keys.size - 1
    for i in range(start, keys.size):
        key = keys[i]
        mixed = key * np.int64(-7046029254386353131)  # 2**64 / golden ratio, odd, as a signed number
        slot = (mixed ^ (mixed >> 29)) & mask
        while table_numbers[slot] != FREE and table_keys[slot] != key:
            slot = (slot + 1) & mask
        if table_numbers[slot] == FREE:
            if 2 * count >= table_keys.size:
                return i, count
            table_keys[slot] = key
            table_numbers[slot] = count
            count += 1
        out[i] = table_numbers[slot]
    return keys.size, count
