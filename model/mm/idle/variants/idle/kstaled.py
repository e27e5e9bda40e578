"""A kernel thread looks at every physical page once a scan period and keeps an age and histograms (2011).

Every second it visits the period's share of each node's frames. A page found used has age 0, an idle one gets a scan
older, up to 255; histograms count idle pages per group as idle_clean, idle_dirty_file and idle_dirty_swap. A young bit
taken from reclaim is remembered and counts for it. Every period costs one look-up of mappings for every page in memory,
used or not.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.idle.idle import check_and_age, cold_age_of, node_frames, publish
from mmrun.model.mm.idle.state import idle_costs, idle_settings, scanners
from mmrun.model.mm.idle.truth import judge
from mmrun.model.units import MS

SOURCE = "M. Lespinasse, V2: idle page tracking / working set estimation, patches 3 to 7 of 9, 27 Sep 2011; LWN 461461"
SCANNERS = "machine"
KEEPS = "ages"
PARAMS = {
    "scan_ms": (
        120_000,
        "ms",
        "time for one walk over memory (scan_seconds; less than one goes at once)",
        "typical",
        (1, 4_294_967_295, "0 would start again and again in no time; an unsigned int"),
    ),
    "young_flag": (True, "", "whether a young bit taken from reclaim is remembered for it", "PG_young, 2011"),
}
SECOND, BATCH = 1_000_000_000, 64


def configure(m, params):
    """Settings of a machine with this scanner: how long a scan takes, whether reclaim is told."""
    idle_settings(m).scan_ns, idle_settings(m).lose_young = params["scan_ms"] * MS, int(not params["young_flag"])


@kernel
def walk(m, first, end):
    """Visit the frames of a batch."""
    for pfn in range(first, end):
        m.now += idle_costs(m).pfn_walk
        check_and_age(m, pfn)


@kernel
def scan_node(m, node, part, parts):
    """A batch of the node's share of this second (kstaled_scan_node); whether that share is done."""
    first, end = node_frames(m, node)
    seen, share = scanners(m)[node], -(-(end - first) // parts)
    share_end = min((part + 1) * share, end - first)
    upto = min(seen.pos + BATCH, share_end)
    walk(m, first + seen.pos, first + upto)
    seen.pos = upto
    return upto == share_end


@kernel
def scan_done(m):
    """Whether every node has been walked to its end."""
    for node in range(geometry(m).nr_nodes):
        first, end = node_frames(m, node)
        if scanners(m)[node].pos < end - first:
            return False
    return True


@kernel
def end_scan(m, scanner):
    """The histograms of this scan are what readers see from now on; the next one starts over."""
    scanners(m)[scanner].rounds += 1
    for node in range(geometry(m).nr_nodes):
        scanners(m)[node].pos = 0
        publish(m, node)
    judge(m, scanner, 0, geometry(m).nr_frames, cold_age_of(m, idle_settings(m).scan_ns))


@hook
def idle_step(m, scanner):
    thread = scanners(m)[scanner]  # `pos` is that of node 0, `phase` the node whose turn it is
    parts = max(1, idle_settings(m).scan_ns // SECOND)
    if thread.phase == 0 and thread.part == 0 and thread.pos == 0:
        thread.started = m.now
    if not scan_node(m, thread.phase, thread.part, parts):
        return m.now
    thread.phase += 1
    if thread.phase < geometry(m).nr_nodes:
        return m.now
    m.now += costs(m).kswapd_wake
    thread.phase = 0
    thread.part += 1
    resume = thread.started + idle_settings(m).scan_ns * thread.part // parts
    if scan_done(m):
        thread.part = 0
        end_scan(m, scanner)
    return resume
