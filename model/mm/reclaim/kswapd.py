"""A node's daemon: rests, balances, rests. When a node is balanced and how, variants say (`variants/kswapd`).

Source: mm/vmscan.c: kswapd, 3.1 and 6.18.
"""

from mmrun.model.core.accounting import IN_MEMSTALL, begins, ends
from mmrun.model.core.actor import actor
from mmrun.model.core.jit import caller
from mmrun.model.core.sleep import FOREVER, current, wait
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.zones import clear_reclaim_active, set_reclaim_active
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_kswapd_wake

NAP_NS = 100_000_000  # HZ/10: a daemon naps so long before it sleeps

balance_pgdat = caller("balance_pgdat")
kswapd_try_to_sleep = caller("kswapd_try_to_sleep")


@actor(per="node", at_boot=True)
def kswapd(m, nid):
    """The daemon of a node: rests until somebody wakes it, balances the node, for ever."""
    current(m).memalloc = 1
    wait(m, nodes(m)[nid].kswapd_wait, FOREVER)
    while m.broken == 0:
        begins(m, IN_MEMSTALL)
        set_reclaim_active(m, nid)
        mm_vmscan_kswapd_wake(m, nid, nodes(m)[nid].highest_zoneidx, nodes(m)[nid].kswapd_order)
        balance_pgdat(m, nid)
        clear_reclaim_active(m, nid)
        ends(m, IN_MEMSTALL)
        kswapd_try_to_sleep(m, nid)
    return 0
