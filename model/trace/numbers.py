"""Parsing text that holds one number a line."""

import numpy as np

from mmrun.model.library.single import compiled
from mmrun.model.trace.format import TraceError

LONGEST = 4096  # a line longer than this is not a number
DECIMAL, HEX = 10, 16
NEWLINE, HASH = ord("\n"), ord("#")


def parse_numbers(text: bytes, name: str, lines: int, hexadecimal: bool) -> tuple[np.ndarray, int, int]:
    """The numbers (int64) on the whole lines of `text`, the bytes they took, and `lines` plus their count.

    Raises TraceError with `name` and the line number.
    """
    numbers = np.empty(len(text) // 2 + 1, dtype=np.int64)
    count, used, seen, good = _parse(np.frombuffer(text, dtype=np.uint8), HEX if hexadecimal else DECIMAL, numbers)
    if not good or len(text) - used > LONGEST:
        line = text[used : used + 60].split(b"\n")[0].decode("ascii", "replace")
        wanted = "a hexadecimal page number" if hexadecimal else "a page number, decimal or 0x..."
        raise TraceError(f"{name}:{lines + seen + 1}: expected {wanted} of up to 64 bits, found {line!r}")
    return numbers[:count], used, lines + seen


@compiled
def _digit(c, base):
    if 48 <= c <= 57:
        return c - 48
    if base == HEX and 97 <= c <= 102:
        return c - 87
    if base == HEX and 65 <= c <= 70:
        return c - 55
    return -1


@compiled
def _blank(c):
    return c == 32 or c == 9 or c == 13


@compiled
def _parse(raw, base, numbers):
    """Parse whole lines; (numbers, bytes used, lines, all well-formed)."""
    count, used, lines = 0, 0, 0
    while True:
        end = used
        while end < raw.size and raw[end] != NEWLINE:
            end += 1
        if end == raw.size:
            return count, used, lines, True
        i, stop = used, end
        while i < stop and _blank(raw[i]):
            i += 1
        while stop > i and _blank(raw[stop - 1]):
            stop -= 1
        if i < stop and raw[i] != HASH:
            radix = base
            if stop - i > 2 and raw[i] == 48 and (raw[i + 1] == 120 or raw[i + 1] == 88):
                radix = HEX
                i += 2
            if stop - i > (16 if radix == HEX else 18):
                return count, used, lines, False
            value = np.int64(0)
            for j in range(i, stop):
                digit = _digit(raw[j], radix)
                if digit < 0:
                    return count, used, lines, False
                value = value * radix + digit
            numbers[count] = value
            count += 1
        used = end + 1
        lines += 1
