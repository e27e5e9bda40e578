"""Physical pages: frames, free lists, zones; and how the allocator is set."""

from mmrun.model.core.record import WAIT_QUEUE, counts, one, row, table
from mmrun.model.machine.state import ZONES_PER_NODE
from mmrun.model.mm.page.settings import ALLOC_COUNTERS

MAX_ORDER, MIGRATETYPES = 11, 6
EXTFRAG_EVENTS = 256  # fallbacks that are remembered

# One physical page. `owner`: page-table index (anonymous) or page-cache index (file). `slot`: swap slot + 1, or file.
# `kind`: what it is used for; `order`: of the free block that begins here. `mapcount`: page-table words that point
# here; `pins`: references held by code in the kernel.
FRAME = row(next="i4", prev="i4", state="i4", owner="i4", slot="i4", mapcount="i2", memcg="i2", zone="i2", node="i2",
            pins="i2", order="i1", kind="i1")  # fmt: skip
FREE_AREA = row(head="i4", tail="i4", nr_free="i4")
PCP_LISTS = 15  # of blocks: 3 types by orders 0 to 3, and order 9
PCP_LIST = row(head="i4", tail="i4", n="i4")
# In pages. `free_count`: freed since something was allocated (to 6.6 free_factor: how often a batch has doubled), up to
# `free_limit`; `freed_high`: the last free was of order 1 to 3; `expire`: seconds until an unused list is drained;
# `quiet`: with fewer, and high at its least, a free of a page has no consequences.
PCP = row(count="i4", high="i4", free_count="i4", free_limit="i4", alloc_factor="i4", freed_high="i4", expire="i4",
          quiet="i4", high_min="i4", high_max="i4", batch="i4", lists=(PCP_LIST, (PCP_LISTS,)))  # fmt: skip
# In pages. `wmark_*`: what holds at present, `boost` included; `boosted`: kswapd is to be woken for it;
# `boost_seen`: as its run began; `rmqueue_mode`: where the present refill found its last page; `reclaim_flags`: written
# by reclaim and its throttling; `pcp_*`: what per-CPU lists were set up with; `reclaim_active`: kswapd works for it;
# `below_high`: it was found so; `unfolded`, `unfolded_cma`: what CPUs keep to themselves of changes of `nr_free` and
# `nr_free_cma`, up to `stat_threshold`; 0: nothing, as nobody would see it.
ZONE = row(
    node="i8", kind="i8", start="i8", span="i8", managed="i8", nr_free="i8", wmark_min="i8", wmark_low="i8",
    wmark_high="i8", all_unreclaimable="i8", pages_scanned="i8", nr_file="i8", nr_mapped="i8", nr_lru=("i8", (4,)),
    nr_file_dirty="i8", nr_writeback="i8", totalreserve="i8", alloc_batch="i8",
    reserve=("i8", (ZONES_PER_NODE,)), reclaim_flags="i8",
    boost="i8", boosted="i8", boost_seen="i8", nr_free_cma="i8", nr_free_highatomic="i8", nr_reserved_highatomic="i8",
    rmqueue_mode="i8", pcp_batch="i8", pcp_high_min="i8", pcp_high_max="i8", reclaim_active="i8", below_high="i8",
    stat_threshold="i8", unfolded="i8", unfolded_cma="i8",
    areas=(FREE_AREA, (MAX_ORDER, MIGRATETYPES)),
)  # fmt: skip

frames = table(20, "frames", FRAME)
zones = table(21, "zones", ZONE)
pcps = table(22, "pcps", PCP, dimensions=2)  # by CPU and zone
pageblocks = table(25, "pageblocks", "i1")  # the migrate type of each
page_waits = table(26, "page_waits", WAIT_QUEUE)  # hashed by frame
extfrag = table(29, "extfrag", row(pfn="i4", alloc_order="i1", fallback_order="i1", alloc_mt="i1", fallback_mt="i1",
                                   change_ownership="i1"))  # fmt: skip
alloc_settings = one(23, "alloc_settings", row(
    buddy="i8",  # ns
    zone_reclaim_mode="i8", fair_zones="i8", high_order_blocks="i8", urgent_rights="i8", free_reserve_counts="i8",
    reserve_cap="i8", cma_rule="i8", refill_remembers="i8", watermark_boost_factor="i8", defrag_mode="i8",
    nofragment="i8", reserve_force="i8",
    watermark_slack="i8", mergeable="i8", merge_retypes="i8", moved_to_tail="i8", boot_to_tail="i8",
    repeat_by_pages="i8", zram_movable="i8", gfp_memalloc="i8",
))  # fmt: skip
# `reserve`: the last block that alloc_pages handed out was to be had below the watermarks only (page->pfmemalloc).
alloc_state = one(265, "alloc_state", row(reserve="i8"))
alloc_count = counts(24, "alloc_count", *ALLOC_COUNTERS)
# `high_orders`: blocks of order 1 to 3 and 9, too; `huge_lists`: of order 9; `tuned`: high moves between its bounds.
pcp_settings = one(34, "pcp_settings", row(
    high_orders="i8", huge_lists="i8", tuned="i8", reclaimable_first="i8", pcp_keeps_types="i8",
))  # fmt: skip
pcp_state = one(37, "pcp_state", row(next_update="i8"))  # ns: when CPUs look at their lists again
