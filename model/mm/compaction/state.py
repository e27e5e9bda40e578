"""Where scanners of each zone stand, what is known to be in vain; a control row for each actor that may compact."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.mm.compaction.settings import COMPACTION_COUNTERS
from mmrun.model.mm.page.state import MAX_ORDER

# Of a zone. `migrate`: where the next asynchronous and synchronous pass begin, `free`: where the scanner for free pages
# does; `init_*`: where both stood when skip bits were last cleared; `considered`, `shift`, `order_failed`: deferral;
# `flush`: skip bits are to be cleared when kswapd sleeps; `isolated`: pages held by compaction, and who waits for fewer.
ZONE_COMPACTION = row(
    migrate=("i8", (2,)), free="i8", init_migrate="i8", init_free="i8", considered="i8", shift="i8",
    order_failed="i8", flush="i8", isolated="i8", isolated_wait=WAIT_QUEUE,
)  # fmt: skip
# A pass over a zone (struct compact_control). `order`: wanted, -1: all there can be; `mode`: of migration; `direct`: by
# a task for itself; `capturing`, `captured`: it takes the first such block that it frees itself, frame or NONE;
# `last_migrated`: where the block begins that pages were last taken from, 0: none or flushed since; `no_target`: no
# free page was left; `pages`: the list of those to be moved; `free`: blocks to move them to, by order (FRAME.slot holds theirs).
COMPACT_CONTROL = row(
    zone="i8", order="i8", migratetype="i8", mode="i8", gfp="i8", highest="i8", alloc_flags="i8", direct="i8",
    whole_zone="i8", ignore_skip="i8", ignore_suitable="i8", proactive="i8", migrate_pfn="i8", free_pfn="i8",
    fast_start="i8", search_order="i8", fast_fail="i8", finish_block="i8", contended="i8", migrate_scanned="i8",
    free_scanned="i8", nr_migratepages="i8", nr_freepages="i8", last_migrated="i8", no_target="i8",
    finishing="i8", capturing="i8", captured="i8", pages="i8", free=(LIST, (MAX_ORDER,)),
)  # fmt: skip
# A daemon. `order`, `highest`: wanted; `trigger`: the sysctl was written; `defer`: passes without effect put the next
# look off.
KCOMPACTD = row(wait=WAIT_QUEUE, order="i8", highest="i8", trigger="i8")

zone_compaction = table(125, "zone_compaction", ZONE_COMPACTION)
compact_controls = table(126, "compact_controls", COMPACT_CONTROL)  # by actor
pageblock_skip = table(127, "pageblock_skip", "i1")
kcompactds = table(230, "kcompactds", KCOMPACTD)  # by node
# Filled by name: costs (ns), sysctls, ways of the version (since.py); `compacts`, `caches`, `captures`: of the variant;
# `capturing`: actors that are (model/mm/page/buddy.py asks).
compaction_settings = one(128, "compaction_settings", row(
    compact_attempt="i8", compact_migrate_scan="i8", compact_free_scan="i8", extfrag_threshold="i8",
    compaction_proactiveness="i8", compacts="i8", caches="i8", captures="i8", capturing="i8",
    compact_async_position="i8", compact_zones_defer="i8", compact_failed_order="i8", compact_skips_failures="i8",
    compact_same_type="i8", compact_whole_blocks="i8", compact_min_mark="i8", compact_checks_mark="i8",
    compact_may_claim="i8", compact_drains="i8", compact_large_targets="i8", compact_finishes_blocks="i8",
    compact_free_position="i8", compact_counts_passed="i8", compact_moves_free="i8", compact_nofs="i8",
    compact_sixteenth="i8", compact_isolated_ns="i8", compact_stall_deferred="i8", compact_leeway="i8",
    compact_skips_huge="i8", compact_resets_at_once="i8", compact_trigger="i8", compact_huge_free="i8", kswapd_compacts="i8", kcompactd_runs="i8",
    compact_priorities="i8", compact_gives_up="i8",
))  # fmt: skip
compaction_count = counts(129, "compaction_count", *COMPACTION_COUNTERS)
