"""Reading what valgrind's lackey tool prints with --trace-mem=yes: lines such as ` L 04222c60,8`.

`L` loads, `S` stores, `M` does both, `I` fetches instructions; addresses in hex, sizes in bytes. Lines that start with
`==`, `--` or `**` are valgrind's own talk.
"""

from collections.abc import Callable, Iterator

import numpy as np

from mmrun.model.library.single import compiled
from mmrun.model.trace.format import TraceError
from mmrun.model.units import PAGE, PAGE_SHIFT

LINE_END, COMMA, SPACE = ord("\n"), ord(","), ord(" ")
LOAD, STORE, MODIFY, FETCH = ord("L"), ord("S"), ord("M"), ord("I")
TALK = (ord("="), ord("-"), ord("*"))
LONGEST = 64 << 10  # a line longer than this is not lackey's


def accesses(
    read: Callable[[], bytes], name: str, instructions: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(page address >> 12 as int64, write as bool) of the accesses in the text that `read` returns piece by piece.

    An access across a page boundary counts for both pages. `read` returns b"" at the end. Raises TraceError with
    `name` and the line number where the text is not lackey's.
    """
    rest, lines = b"", 0
    while piece := read():
        page, write, used, lines = _parse_piece(rest + piece, name, lines, instructions)
        rest = (rest + piece)[used:]
        if len(rest) > LONGEST:
            raise TraceError(f"{name}:{lines + 1}: the line does not end: not the output of lackey")
        yield page, write
    if rest:
        page, write, _, _ = _parse_piece(rest + b"\n", name, lines, instructions)
        yield page, write


def _parse_piece(text: bytes, name: str, lines: int, instructions: bool) -> tuple[np.ndarray, np.ndarray, int, int]:
    page, write = np.empty(len(text) // 3 + 2, dtype=np.int64), np.empty(len(text) // 3 + 2, dtype=np.bool_)
    raw = np.frombuffer(text, dtype=np.uint8)
    count, used, seen, good = _parse(raw, instructions, page, write)
    if not good:
        line = text[used : used + 60].split(b"\n")[0].decode("ascii", "replace")
        raise TraceError(f"{name}:{lines + seen + 1}: expected a line such as ' L 04222c60,8', found {line!r}")
    return page[:count], write[:count], used, lines + seen


@compiled
def _hex(c):
    if 48 <= c <= 57:
        return c - 48
    if 97 <= c <= 102:
        return c - 87
    return -1


@compiled
def _parse(raw, instructions, page, write):
    """Parse whole lines of `raw` into `page` and `write`; (accesses, bytes used, lines, all well-formed)."""
    count, used, lines = 0, 0, 0
    size = raw.size
    while True:
        end = used
        while end < size and raw[end] != LINE_END:
            end += 1
        if end == size:
            return count, used, lines, True
        first = raw[used]
        if end > used and first != TALK[0] and first != TALK[1] and first != TALK[2]:
            kind = raw[used] if first == FETCH else raw[min(used + 1, end)]
            i, address, digits = used + 3, np.int64(0), 0
            while i < end and _hex(raw[i]) >= 0:
                address = (address << 4) | _hex(raw[i])
                digits += 1
                i += 1
            known = kind == FETCH or ((kind in (LOAD, STORE, MODIFY)) and first == SPACE)
            if not known or digits == 0 or digits > 16 or i >= end or raw[i] != COMMA:
                return count, used, lines, False
            length, start = np.int64(0), i + 1
            for j in range(start, end):
                if raw[j] < 48 or raw[j] > 57 or length > PAGE:
                    return count, used, lines, False
                length = length * 10 + (raw[j] - 48)
            if length == 0:
                return count, used, lines, False
            if kind != FETCH or instructions:
                for p in range(address >> PAGE_SHIFT, ((address + length - 1) >> PAGE_SHIFT) + 1):
                    page[count], write[count] = p, kind in (STORE, MODIFY)
                    count += 1
        used = end + 1
        lines += 1
