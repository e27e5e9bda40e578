"""Multi-generational LRU: pages in up to four generations, aged by walking page tables, evicted from the oldest.

A page enters young when a fault brings it in, old when read() does. When the oldest generations run low, aging walks
the page tables of the group, moves what it finds young to the youngest generation and begins a new one. Pages used
through files are kept by tiers, and a controller that watches refaults decides which tiers, and whether anonymous
or file pages, are evicted first. `two_touch` chooses the state of 6.14 and later; else it is 6.1 with its stable fixes.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.generations.aging import age, evictable_min_seq
from mmrun.model.mm.generations.eviction import evict as evict_batch
from mmrun.model.mm.generations.refault import evict, refault
from mmrun.model.mm.generations.references import check_references, page_referenced
from mmrun.model.mm.generations.scan import enough, evictable, size, swappiness_of
from mmrun.model.mm.generations.state import MAX_GENS, generation_settings, lrugens
from mmrun.model.mm.limits.oom import kill_largest
from mmrun.model.mm.lru.gens import MIN_GENS, MIN_LRU_BATCH
from mmrun.model.mm.lru.lru import lru_add_drain
from mmrun.model.mm.lru.scan_balance import can_demote
from mmrun.model.mm.lru.state import DEF_PRIORITY, ONE_TOUCH, TWO_TOUCH, lru_settings, lruvecs
from mmrun.model.mm.memcg.protection import unprotected
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import come_to
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c, mm/workingset.c, mm/swap.c, include/linux/mm_inline.h, 6.1 and 6.18 with CONFIG_LRU_GEN"
SCOPE = "node"
GENERATIONS = True
KEEPS = "generations"
PARAMS = {
    "two_touch": (
        True,
        "",
        "a page is only promoted when found young a second time, and tiers, insertion and balance are those of 6.14; "
        "False: one sighting is enough, all as in 6.1",
        "mm/vmscan.c, 6.18; the December 2024 rework of the generations",
    ),
    "go_by_priority": (
        True,
        "",
        "one go of eviction looks at no more pages than the priority asks for, and memory.min and low lessen that in "
        "proportion to what they cover; False: at up to 4096, and they protect all or nothing",
        "mm: vmscan: apply proportional reclaim pressure for memcg when MGLRU is enabled, May 2025",
    ),
    "walk_small": (
        True,
        "",
        "walks also take address spaces with fewer than 64 pages mapped",
        "mm/mglru: add CONFIG_LRU_GEN_WALKS_MMU, December 2023, which left the size out of get_next_mm",
    ),
    "queued_off_lru": (
        False,
        "",
        "a page in a CPU's batch of pages to be activated is off the lists: eviction passes over it",
        "mm/gup: clear the LRU flag of a page before adding to LRU batch, July 2024; reverted in September 2025",
    ),
    "mm_walk": (
        True,
        "",
        "aging walks page tables; without it only reclaim finds young pages",
        "lru_gen/enabled, bit 1",
    ),
    "nonleaf_young": (
        True,
        "",
        "walks pass over leaf tables without a young word by their entry's own young bit",
        "lru_gen/enabled, bit 2",
    ),
    "min_ttl_ms": (
        0,
        "ms",
        "kswapd kills the largest task rather than evict generations younger than this",
        "lru_gen/min_ttl_ms",
        (0, 4_294_967_295, "min_ttl_ms_store reads an unsigned int"),
    ),
}
params = parameters("lru", PARAMS, 303)
__all__ = ["check_references", "evict", "page_referenced", "refault"]


@kernel
def should_age(m, lv, swappiness):
    """Whether the lruvec runs out of old generations (should_run_aging)."""
    newest, oldest = lrugens(m)[lv].max_seq, evictable_min_seq(m, lv, swappiness)
    if oldest + MIN_GENS != newest:
        return oldest + MIN_GENS > newest
    if lru_settings(m).lru_gen == TWO_TOUCH:
        return True
    total, young = evictable(m, lv, swappiness), size(m, lv, swappiness, newest, newest)
    old = size(m, lv, swappiness, newest - MIN_GENS, newest - MIN_GENS)
    return young * MIN_GENS > total or old * (MIN_GENS + 2) < total


@kernel
def _age(m, s, lv, swappiness):
    age(m, s, lv, swappiness, params(m).mm_walk, params(m).nonleaf_young)


@kernel
def nr_to_scan(m, s, swappiness):
    """Pages to scan at the present priority; 0: nothing to evict, -1: the lruvec was aged instead (get_nr_to_scan)."""
    sc = scans(m)[s]
    lv = sc.lruvec
    wanted = evictable(m, lv, swappiness)
    if generation_settings(m).go_by_priority:
        wanted = unprotected(m, s, wanted)
    wanted >>= sc.priority
    evicts = evictable_min_seq(m, lv, swappiness) + MIN_GENS <= lrugens(m)[lv].max_seq
    if lru_settings(m).lru_gen == TWO_TOUCH and not evicts:
        wanted = 0
    if not should_age(m, lv, swappiness):
        sc.aging = 0
        return wanted
    sc.aging = 1
    if sc.priority != DEF_PRIORITY:
        if lru_settings(m).lru_gen == ONE_TOUCH and sc.kswapd:
            return 0  # the daemon ages at the start of its passes
        _age(m, s, lv, swappiness)
        return wanted if lru_settings(m).lru_gen == ONE_TOUCH else -1
    return wanted if evicts else 0


@hook
def lruvec_begin(m, s):
    sc = scans(m)[s]
    sc.scanned = sc.swapping = sc.file_taken = sc.unqueued_dirty = 0
    sc.first_seq, sc.mm_walk = lrugens(m)[sc.lruvec].max_seq, 1 if sc.kswapd or sc.proactive else 0
    lru_add_drain(m, turn(m).cpu)
    return 1 if lru_settings(m).lru_gen == ONE_TOUCH or sc.memcg or (sc.may_unmap and sc.may_writepage) else 0


@hook
def lruvec_round(m, s):
    """Evict one batch of the current lruvec, or age it; 1 when there is more to do."""
    sc, swappiness = scans(m)[s], swappiness_of(m, s, scans(m)[s].lruvec)
    wanted = nr_to_scan(m, s, swappiness)
    sc.aged = 1 if wanted < 0 else 0
    if wanted <= 0:
        return 0
    scanned = evict_batch(m, s, swappiness, wanted)
    sc.scanned += scanned
    if scanned and sc.scanned < wanted and not enough(m, s):
        return 1
    if scanned and sc.round_reclaimed >= MIN_LRU_BATCH and not sc.aging:
        sc.need_aging = 0
    return 0


@hook
def lruvec_end(m, s):
    """Wake the flushers when all file pages met were dirty and nobody was writing them; nothing did in 6.1."""
    sc = scans(m)[s]
    if lru_settings(m).lru_gen == TWO_TOUCH and sc.unqueued_dirty and sc.unqueued_dirty == sc.file_taken:
        wakeup_flushers(m, 0)
    return 0


@kernel
def set_initial_priority(m, s):
    """The daemon starts a run at the priority at which its target is met in one pass (6.3)."""
    sc = scans(m)[s]
    if lru_settings(m).lru_gen == ONE_TOUCH or sc.priority != DEF_PRIORITY or sc.nr_to_reclaim < MIN_LRU_BATCH:
        return
    node, reclaimable, anon = nodes(m)[sc.node], 0, nr_swap_pages(m) or can_demote(m, s)
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        reclaimable += zones(m)[z].nr_lru[2] + (zones(m)[z].nr_lru[0] if anon else 0)
    priority = bits(reclaimable) - 1 - bits(sc.nr_to_reclaim - 1)
    sc.priority = max(DEF_PRIORITY // 2, min(priority, DEF_PRIORITY))


@hook
def prepare_scan(m, s):
    return 0


@kernel
def bits(n):
    """Number of the highest bit set, counted from 1; 0 for 0 (fls)."""
    found = 0
    while n >> found:
        found += 1
    return found


@kernel
def _old_enough(m, s, lv, swappiness):
    """Whether eviction would find something older than `min_ttl_ms` (lruvec_is_reclaimable)."""
    g, sc, group = lrugens(m)[lv], scans(m)[s], memcgs(m)[lruvecs(m)[lv].memcg]
    if lru_settings(m).lru_gen == TWO_TOUCH and group.emin and group.usage <= group.emin:
        return False
    oldest = g.min_seq[1] if lru_settings(m).lru_gen == ONE_TOUCH else evictable_min_seq(m, lv, swappiness)
    if g.born[oldest % MAX_GENS] + params(m).min_ttl_ms * 1_000_000 > m.now:
        return False
    return evictable(m, lv, swappiness) >> sc.priority or (
        lru_settings(m).lru_gen == ONE_TOUCH and sc.priority == DEF_PRIORITY
    )


@hook
def age_anon(m, s):
    """Before each pass of the daemon, for each group: 6.1 ages here unless the last pass did well; 0.

    After the last group: when all that is left is too young, kill instead of thrashing (lru_gen_age_node).
    """
    sc = scans(m)[s]
    lv = sc.lruvec
    memcg = lruvecs(m)[lv].memcg
    if memcg == 0:
        sc.aging, sc.need_aging = sc.need_aging, 1
        sc.old_enough = 0 if params(m).min_ttl_ms else 1
        if lru_settings(m).lru_gen == ONE_TOUCH and not sc.aging:
            sc.old_enough = 1
        set_initial_priority(m, s)
    if lru_settings(m).lru_gen == TWO_TOUCH or sc.aging:
        come_to(m)
    swappiness = swappiness_of(m, s, lv)
    fits = 1 if sc.old_enough or _old_enough(m, s, lv, swappiness) else 0
    if lru_settings(m).lru_gen == ONE_TOUCH and sc.aging and should_age(m, lv, swappiness) and fits:
        sc.mm_walk = 1
        _age(m, s, lv, swappiness)
    sc.old_enough = fits
    if memcg == geometry(m).nr_memcgs - 1 and not fits:
        kill_largest(m)
    return 0


@hook
def end_reclaim(m, s):
    scans(m)[s].need_aging = 0
    return 0


@hook
def new_anon_active(m):
    return 0


@hook
def age_nonresident(m, lv):
    return 0


@hook
def scan_count(m, s):
    return 0


@hook
def after_round(m, s):
    return 0


@hook
def may_shrink_active(m, s, file):
    return 0


@hook
def note_inactive(m, lv, file, scanned, reclaimed, paged_out):
    return 0


@hook
def note_active(m, lv, file, young, rotated):
    return 0
