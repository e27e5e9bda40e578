"""A reclaimer in trouble sleeps only if a queue is full and its zone's dirty pages were found waiting for one (2.6.37).

A zone is marked when all dirty pages of a batch were refused by full queues, until it is balanced. kswapd still sleeps
between passes in trouble, unless a zone is below its min watermark. Since 3.2 (`batch`) also after a batch of which too
many pages were already being written: all of them at priority 12, half at 11, a quarter at 10, any at 6. Everybody
sleeps after a zone while more is under writeback, swap included, than 1.1 times the dirty threshold.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import (
    FIFTIETH_NS,
    TENTH_NS,
    ZONE_CONGESTED,
    congestion_wait,
    throttle_vm_writeout,
    wait_iff_congested,
)

SOURCE = (
    "mm/vmscan.c: shrink_page_list, shrink_inactive_list, balance_pgdat; mm/backing-dev.c; mm/page-writeback.c: "
    "throttle_vm_writeout; mm/page_alloc.c: __alloc_pages_slowpath, 3.1 and 3.4"
)
PARAMS = {
    "batch": (True, "", "sleep after a batch of pages under writeback (since 3.2)",
              "mm/vmscan.c: shrink_inactive_list, 3.4"),
}  # fmt: skip
params = parameters("reclaim_throttle", PARAMS, 316)


@hook
def throttle_batch(m, s):
    sc, stat = scans(m)[s], scans(m)[s].batch_stat
    if sc.memcg == 0 and stat.late_dirty and stat.late_dirty == stat.late_congested:
        zones(m)[sc.zone].reclaim_flags |= ZONE_CONGESTED
    if params(m).batch and stat.writeback and stat.writeback >= stat.taken >> (DEF_PRIORITY - sc.priority):
        wait_iff_congested(m, sc.zone, TENTH_NS)
    return 0


@hook
def throttle_node(m, s):
    throttle_vm_writeout(m, scans(m)[s].may_enter_fs, False)
    return 0


@hook
def throttle_pass(m, s, zone):
    sc = scans(m)[s]
    if sc.nr_scanned and sc.priority < DEF_PRIORITY - 2:
        wait_iff_congested(m, zone, TENTH_NS)
    return 0


@hook
def throttle_retry(m, zone, fruitless):
    wait_iff_congested(m, zone, FIFTIETH_NS)
    return 0


@hook
def throttle_kswapd(m, nid, below_min):
    if below_min:
        reclaim_count(m).kswapd_skip_congestion_wait += 1
    else:
        congestion_wait(m, TENTH_NS)
    return 0
