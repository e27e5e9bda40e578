"""A kernel thread a node looks at every physical page once a scan period and keeps an age and histograms (2011).

Work is spread over the period in 120 slices (at the default period one a second). A page found used has age 0, an idle
one gets a scan older, up to 255; histograms count idle pages per group as idle_clean, idle_dirty_file and
idle_dirty_swap. A young bit taken from reclaim is remembered and counts for it. Every period costs one look-up of
mappings for every page in memory, used or not.
"""

from model.jit import frames, hook, kernel
from model.mm.idle import check_and_age, cold_age_of, node_frames, publish
from model.mm.state import LRU
from model.mm.truth import judge
from model.registry import AXES

SOURCE = "M. Lespinasse, idle page tracking / working set estimation, LWN 461461 (2011); buckets as in kidled's header"
SCANNERS = "node"
KEEPS = "ages"
PARAMS = {
    "scan_ms": (120_000, "ms", "time for one walk over the node's memory (scan_seconds)", "typical setting: 120 s"),
    "young_flag": (True, "", "whether a young bit taken from reclaim is remembered for it", "page_young, 2011"),
}
AXIS = list(AXES).index("idle")
SLICES, BATCH = 120, 64


@kernel
def walk(m, first, end):
    """Visit the frames of a batch."""
    f = frames(m)
    for pfn in range(first, end):
        m.clock.now += m.cfg.pfn_walk
        if f[pfn].state & LRU:
            check_and_age(m, pfn)


@hook
def idle_step(m, node):
    seen, period = m.scanners[node], m.params[AXIS, 0] * 1_000_000
    m.cfg.scan_ns, m.cfg.lose_young = period, 1 - m.params[AXIS, 1]
    first, end = node_frames(m, node)
    slice_of = -(-(end - first) // SLICES)
    if seen.pos == 0:
        seen.started = m.clock.now
    if seen.pos % slice_of == 0:
        m.clock.now += m.cfg.kswapd_wake
    upto = min(seen.pos + BATCH, (seen.pos // slice_of + 1) * slice_of, end - first)
    walk(m, first + seen.pos, first + upto)
    seen.pos = upto
    if upto < end - first:
        return seen.started + period * (upto // slice_of) // SLICES
    seen.pos = 0
    seen.rounds += 1
    publish(m, node)
    judge(m, node, first, end, cold_age_of(m, period))
    return seen.started + period
