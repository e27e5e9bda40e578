"""A loop in user space over the idle bitmap (4.3): mark every page idle, wait, read which ones still are.

Writing a word of 64 page numbers clears the young bits of those on a list; reading it looks at them again, so both
passes pay for the mappings of every page. The loop keeps an age per page, in intervals. What is used between the end
of a read and the next write goes unseen. A young bit taken from reclaim is remembered and counts for it.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.idle.idle import clear_references, cold_age_of, count_age, publish
from mmrun.model.mm.idle.state import idle_costs, idle_settings, scanners
from mmrun.model.mm.idle.truth import judge
from mmrun.model.mm.page.flags import IDLE, LRU
from mmrun.model.mm.page.state import frames
from mmrun.model.units import MS

SOURCE = "mm/page_idle.c, 4.3 and later; Documentation/admin-guide/mm/idle_page_tracking.rst"
SCANNERS = "machine"
KEEPS = "ages"
PARAMS = {
    "interval_ms": (
        300_000,
        "ms",
        "wait between marking and reading",
        "default of idlememstat: 300 s",
        (1, 4_294_967_295, "0 would start again and again in no time; an unsigned int"),
    ),
}
WORD = 64
WRITE, READ = 0, 1


def configure(m, params):
    """Settings of a machine with this scanner: how long an age lasts."""
    idle_settings(m).scan_ns = params["interval_ms"] * MS


@kernel
def write_word(m, first, end):
    """Mark the word's pages on lists idle (page_idle_bitmap_write)."""
    f = frames(m)
    for pfn in range(first, end):
        m.now += idle_costs(m).pfn_walk
        if f[pfn].state & LRU:
            clear_references(m, pfn)
            f[pfn].state |= IDLE


@kernel
def read_word(m, first, end):
    """Read which of the word's pages are still idle (page_idle_bitmap_read); the loop's ages follow."""
    f = frames(m)
    for pfn in range(first, end):
        m.now += idle_costs(m).pfn_walk
        if not f[pfn].state & LRU:
            continue
        found = clear_references(m, pfn) if f[pfn].state & IDLE else 0
        count_age(m, pfn, not f[pfn].state & IDLE, found >> 1)


@hook
def idle_step(m, scanner):
    seen, frames_in_all = scanners(m)[scanner], geometry(m).nr_frames
    end = min(seen.pos + WORD, frames_in_all)
    m.now += costs(m).syscall
    if seen.phase == WRITE:
        write_word(m, seen.pos, end)
    else:
        read_word(m, seen.pos, end)
    seen.pos = end
    if end < frames_in_all:
        return m.now
    seen.pos = 0
    if seen.phase == WRITE:
        seen.phase = READ
        return m.now + idle_settings(m).scan_ns
    seen.phase = WRITE
    seen.rounds += 1
    for node in range(geometry(m).nr_nodes):
        publish(m, node)
    judge(m, scanner, 0, frames_in_all, cold_age_of(m, idle_settings(m).scan_ns))
    return m.now
