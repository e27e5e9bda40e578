"""By hint-fault latency: a page used within a second of being marked is hot, so many of them a second move (6.1).

The threshold is adjusted every minute so that about as many pages are found hot as may be promoted; a node with
plenty of room takes every page that is used.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.tiering.promotion import adjust_threshold, has_room, latency, note_roomy, over_limit
from mmrun.model.mm.tiering.state import tier_settings, tiers

SOURCE = "kernel/sched/fair.c: should_numa_migrate_memory, numa_promotion_adjust_threshold, 6.12"
PARAMS = {
    "limits_rate": (True, "flag", "no more pages a second than numa_balancing_promote_rate_limit_MBps says",
                    "c6833e10008f memory tiering: rate limit NUMA migration throughput, 6.1"),
    "adjusts": (True, "flag", "the threshold is adjusted to the rate limit",
                "c959924b0dc5 memory tiering: adjust hot threshold automatically, 6.1"),
}  # fmt: skip
params = parameters("tiering", PARAMS, 228)
PAGES_SHIFT = 8  # pages of a MiB


@hook
def should_promote(m, task, frame, node):
    own, pages = tier_settings(m), nr_pages(m, frame)
    base, limit = own.numa_balancing_hot_threshold_ms, own.numa_balancing_promote_rate_limit_MBps << PAGES_SHIFT
    if has_room(m, node):
        note_roomy(m, node, frame)
        return 1
    if params(m).adjusts:
        adjust_threshold(m, node, limit, base)
    threshold = tiers(m)[node].threshold if tiers(m)[node].threshold else base
    if latency(m, frame) >= threshold:
        return 0
    return 0 if over_limit(m, node, limit, pages) and params(m).limits_rate else 1
