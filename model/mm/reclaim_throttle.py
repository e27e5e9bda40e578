"""A reclaimer sleeps until enough has been written (reclaim_throttle, VMSCAN_THROTTLE_WRITEBACK)."""

from model.actors import NEVER
from model.block.completions import next_completion
from model.jit import actors, kernel
from model.layout import NONE
from model.mm.page_io import finish_writes
from model.mm.writeback import flusher_step

THROTTLE_NS = 100_000_000  # VMSCAN_THROTTLE_WRITEBACK sleeps HZ/10 at most


@kernel
def next_flusher(m):
    """(the flusher whose next step is earliest, when), or (NONE, a time beyond every other)."""
    found, at = NONE, NEVER
    for w in range(m.cfg.nr_wbs):
        due = actors(m)[m.cfg.actor_leaves + m.cfg.flusher_slot + w]
        if due < at:
            found, at = w, due
    return found, at


@kernel
def throttle_on_writeback(m, pages):
    """The reclaimer sleeps until more than `pages` writes have ended, at most 100 ms; flushers work meanwhile."""
    deadline, written = m.clock.now + THROTTLE_NS, 0
    while written <= pages:
        w, step = next_flusher(m)
        at = min(step, next_completion(m))
        if at > deadline:
            m.clock.now = deadline
            return
        m.clock.now = max(m.clock.now, at)
        if step <= at:
            flusher_step(m, w)
        written += finish_writes(m)
