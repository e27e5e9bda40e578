"""Shrinkers of 3.0: one callback, one count of deferred work for all callers, no node, no group.

A pass over the page lists asks each cache for the same share of its objects, times 4 / seeks. What a batch of 128 does
not use up, or a GFP_NOFS caller may not do, stays in `nr` for whoever comes next, up to twice the cache. `nr` is read
and written without a lock: callers that overlap within `race_window` of simulated time see each other's count from
before, so two do the same work, or one overwrites what the other put back.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.state import turn
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.slab.shrinker import (
    begin_slab,
    flush_reclaim_state,
    freeable_in_hundreds,
    node_under_pressure,
    pages_in_pass,
    pages_scanned,
    rwsem_taken,
    scanned_share,
    whole_batches,
)
from mmrun.model.mm.slab.state import deferred, shrinkers, slab_count, slab_settings
from mmrun.model.mm.slab.variants.shrinker.none import shrink_slab  # noqa: F401  nothing is shrunk lruvec by lruvec

SOURCE = "mm/vmscan.c: shrink_slab, 3.0"
BY_NODE = BY_GROUP = SUPERBLOCKS = ZERO_SEEKS = False
MARKS_NEW = True
PARAMS = {
    "race_window": (200, "ns", "time from loading the count to storing it, in which another caller is not seen",
                    "estimate: two transfers of a contended cache line",
                    (0, 1_000_000_000, "a second")),
}  # fmt: skip
params = parameters("shrinker", PARAMS, 322)


@kernel
def capped(nr, max_pass):
    """The count after a pass: an overflow restarts at the size of the cache, nothing exceeds twice that."""
    return min(max_pass if nr < 0 else nr, 2 * max_pass)


@kernel
def overlaps(m, who, at):
    """Whether another actor was at the count so shortly before or after that the two did not see each other."""
    return who != 0 and who != turn(m).actor + 1 and abs(m.now - at) < params(m).race_window


@kernel
def load(m, h):
    """Read `nr` and zero it, not atomically."""
    sh = shrinkers(m)[h]
    nr = deferred(m)[sh.deferred]
    if overlaps(m, sh.read_by, sh.read_at):
        nr = sh.read_nr
        slab_count(m).shrink_raced += 1
    sh.read_by, sh.read_at, sh.read_nr = turn(m).actor + 1, m.now, nr
    deferred(m)[sh.deferred] = 0
    return nr


@kernel
def add_back(m, h, left):
    """Add what is left to `nr`, not atomically."""
    sh = shrinkers(m)[h]
    nr = deferred(m)[sh.deferred]
    if overlaps(m, sh.wrote_by, sh.wrote_at):
        nr = sh.wrote_over
        slab_count(m).shrink_raced += 1
    sh.wrote_by, sh.wrote_at, sh.wrote_over = turn(m).actor + 1, m.now, nr
    deferred(m)[sh.deferred] = nr + left


@hook
def shrink_slab_pass(m, s):
    if scans(m)[s].memcg or slab_settings(m).nr_shrinkers == 0:
        return 0
    if rwsem_taken(m):
        return 1
    begin_slab(m)
    freed, scanned, node = 0, pages_scanned(scans(m)[s].nr_scanned), node_under_pressure(m, s)
    lru_pages = pages_in_pass(m, s)
    for h in range(slab_settings(m).nr_shrinkers):
        max_pass = freeable_in_hundreds(m, h)
        delta = scanned_share(scanned, lru_pages, shrinkers(m)[h].seeks, max_pass)
        got, left = whole_batches(m, s, h, capped(load(m, h) + delta, max_pass), node)
        add_back(m, h, left)
        freed += got
    flush_reclaim_state(m, s)
    return freed
