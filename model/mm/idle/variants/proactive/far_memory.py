"""Google's far memory: compress pages so cold that few are wanted back (ASPLOS 2019).

Every minute each group gets the least age at which promotions would have stayed within a share of its working set; the
threshold is a percentile of those, or the last minute's if that is higher, and there is none during warm-up. Anonymous
pages older than it are compressed. A share of the pages does not compress: those are marked and passed over until they
are written again. Ages come from the idle scanner (kstaled, or the bitmap's loop); swap should be zram.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry
from mmrun.model.mm.idle.far_memory import decide
from mmrun.model.mm.idle.state import far, idle_age, idle_costs, idle_count, kreclaimd, tried
from mmrun.model.mm.lru.rmap import look_at_words
from mmrun.model.mm.page.flags import ANON, DIRTY, IDLE, LRU
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.reclaim_pages import begin_pick, pick, reclaim_picked
from mmrun.model.mm.swap.state import swap_settings, swaps
from mmrun.model.mm.task.state import PTE_DIRTY

SOURCE = "Lagar-Cavilla et al., Software-Defined Far Memory in Warehouse-Scale Computers, ASPLOS 2019"
CONTROLLERS = 1
NEEDS = "ages"
PARAMS = {
    "slo": (
        200,
        "1/100000 a minute",
        "promotions a minute the working set may suffer",
        "0.2 % a minute",
        (0, 10_000_000, "each page a hundred times a minute: no limit any more"),
    ),
    "percentile": (
        98,
        "%",
        "of the past minutes' best thresholds",
        "K is tuned there; estimate",
        (0, 100, "a percentile"),
    ),
    "warmup_minutes": (
        10,
        "minutes",
        "time a group is left alone at first",
        "S is tuned there; estimate",
        (0, 525_600, "a year"),
    ),
    "incompressible": (
        31,
        "%",
        "pages that do not compress below 73 %",
        "31 % of cold memory (from memory)",
        (0, 100, "a share"),
    ),
    "minute_ms": (
        60_000,
        "ms",
        "time between two decisions",
        "one minute",
        (1, 86_400_000, "0 would decide again and again in no time; a day"),
    ),
}
params = parameters("proactive", PARAMS, 306)
BATCH = 1024


@kernel
def compresses(owner, share):
    """Whether the contents of the page at page-table word `owner` compress: all but `share` percent, scattered."""
    return owner % 65_536 * 48_271 % 2_147_483_647 % 100 >= share


@kernel
def try_to_store(m, pfn):
    """Compress the page and let it go; one that does not compress is marked instead. Pages freed."""
    page = frames(m)[pfn]
    if tried(m)[pfn] and not look_at_words(m, pfn, -1) & 2:
        return 0
    tried(m)[pfn] = 0
    if compresses(page.owner, params(m).incompressible):
        return pick(m, pfn)
    m.now += swaps(m)[0].out_ns
    idle_count(m).far_rejected += 1
    if look_at_words(m, pfn, ~PTE_DIRTY) & 2:  # the next write shows in the word again
        page.state |= DIRTY
    tried(m)[pfn] = 1
    return 0


@kernel
def reclaim_cold(m, first, end):
    """kreclaimd's walk over a range of frames; without a swap area there is nowhere to put a page."""
    if swap_settings(m).total_swap == 0:
        return
    begin_pick(m)
    for pfn in range(first, end):
        m.now += idle_costs(m).pfn_walk
        page = frames(m)[pfn]
        if page.state & (LRU | ANON | IDLE) == LRU | ANON | IDLE and idle_age(m)[pfn] >= far(m)[page.memcg].threshold:
            try_to_store(m, pfn)
    reclaim_picked(m)


@hook
def proactive_step(m, controller):
    walk, p = kreclaimd(m), params(m)
    if walk.pos == 0:
        walk.started = m.now
        for memcg in range(geometry(m).nr_memcgs):
            decide(m, memcg, p.slo, p.percentile, p.warmup_minutes)
    end = min(walk.pos + BATCH, geometry(m).nr_frames)
    reclaim_cold(m, walk.pos, end)
    walk.pos = end if end < geometry(m).nr_frames else 0
    return m.now if walk.pos else walk.started + p.minute_ms * 1_000_000
