"""A USB stick: one request at a time, and erase blocks that must be rewritten whole when a write does not append.

The stick keeps a few erase blocks open. A write that goes on where one of them ends costs its transfer. Any other opens
another block and closes the one that was idle longest: what that one has behind its last write is copied, and so is
what the new one has before the write (read-modify-write).
"""

from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel


@kernel
def _find(m, disk, erase):
    """Which of the open erase blocks this is, or the one to be closed for it."""
    d, idle = disks(m)[disk], 0
    for i in range(d.nr_open):
        if d.open_block[i] == erase:
            return i
        if d.open_used[i] < d.open_used[idle]:
            idle = i
    return idle


@kernel
def _write(m, disk, erase, first, count):
    """Pages copied because `count` pages from page `first` of an erase block on are written."""
    d, copied = disks(m)[disk], 0
    i = _find(m, disk, erase)
    if d.open_block[i] != erase or d.open_fill[i] != first:
        if d.open_used[i]:
            copied += d.erase_pages - d.open_fill[i]
        copied += first
        d.open_block[i] = erase
        d.seeks += 1
    d.open_fill[i] = first + count
    d.open_used[i] = d.writes
    if d.open_fill[i] == d.erase_pages:
        d.open_used[i] = 0  # full: nothing is left to copy
        d.open_block[i] = -1
    return copied


@kernel
def serve_usb(m, disk, block, count, write, at):
    """When a request for `count` pages at `block`, begun at `at`, is done."""
    d = disks(m)[disk]
    if not write:
        return at + d.read_ns + d.read_page_ps * count // 1000
    pages, place, end = count, block, block + count
    while place < end:
        erase, first = place // d.erase_pages, place % d.erase_pages
        part = min(end - place, d.erase_pages - first)
        pages += _write(m, disk, erase, first, part)
        place += part
    return at + d.write_ns + d.write_page_ps * pages // 1000
