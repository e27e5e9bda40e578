"""Between two passes in trouble every reclaimer sleeps a tenth of a second, whether a disk is busy or not (to 2.6.36).

Trouble is priority 9 and below, with anything scanned at all. The sleep ends early when a full queue has room again.
kswapd does without where a zone is below its min watermark (2.6.33). Reclaimers also sleep after each zone while too
much is under writeback, and before an allocation tries again.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import FIFTIETH_NS, TENTH_NS, congestion_wait, throttle_vm_writeout

SOURCE = (
    "mm/vmscan.c: do_try_to_free_pages, balance_pgdat; mm/backing-dev.c: congestion_wait; mm/page-writeback.c: "
    "throttle_vm_writeout; mm/page_alloc.c: __alloc_pages_slowpath, 2.6.35"
)


@hook
def throttle_batch(m, s):
    return 0


@hook
def throttle_node(m, s):
    throttle_vm_writeout(m, scans(m)[s].may_enter_fs, False)
    return 0


@hook
def throttle_pass(m, s, zone):
    sc = scans(m)[s]
    if sc.nr_scanned and sc.priority < DEF_PRIORITY - 2:
        congestion_wait(m, TENTH_NS)
    return 0


@hook
def throttle_kswapd(m, nid, below_min):
    if below_min:
        reclaim_count(m).kswapd_skip_congestion_wait += 1
    else:
        congestion_wait(m, TENTH_NS)
    return 0


@hook
def throttle_retry(m, zone, fruitless):
    congestion_wait(m, FIFTIETH_NS)
    return 0
