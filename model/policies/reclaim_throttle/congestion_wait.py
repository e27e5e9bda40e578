"""Between two passes in trouble every reclaimer sleeps a tenth of a second, whether a disk is busy or not (to 2.6.35).

Trouble is priority 9 and below, with anything scanned at all. The sleep ends early when a full queue has room again.
"""

from model.jit import hook
from model.mm.state import DEF_PRIORITY
from model.mm.throttle import congestion_wait

SOURCE = "mm/vmscan.c: do_try_to_free_pages, balance_pgdat; mm/backing-dev.c: congestion_wait, 2.6.35"


@hook
def throttle_batch(m, s):
    return 0


@hook
def throttle_node(m, s):
    return 0


@hook
def throttle_pass(m, s, zone):
    sc = m.sc[s]
    if sc.nr_scanned and sc.priority < DEF_PRIORITY - 2:
        congestion_wait(m)
    return 0


@hook
def throttle_kswapd(m, nid):
    congestion_wait(m)
    return 0
