"""Shrinking a lruvec that has an active and an inactive list of each kind, in rounds (shrink_lruvec of mm/vmscan.c).

A round scans at most 32 pages of each list. The scan control keeps what is left.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.mm.page.flags import ACTIVE_ANON
from mmrun.model.mm.reclaim.state import scans

scan_count = caller("scan_count")
shrink_inactive = caller("shrink_inactive")
shrink_active = caller("shrink_active")
after_round = caller("after_round")
age_anon = caller("age_anon")
may_shrink_active = caller("may_shrink_active")


@kernel
def pages_left(m, s):
    """Whether the lruvec needs another round: leftover active anon alone does not keep it going."""
    nr = scans(m)[s].nr
    return 1 if nr[0] > 0 or nr[2] > 0 or nr[3] > 0 else 0


@hook
def lruvec_begin(m, s):
    """How many pages of each list to scan at the present priority; 1 when there are any."""
    sc = scans(m)[s]
    scan_count(m, s)
    for lru in range(4):
        sc.targets[lru] = sc.nr[lru]
    return pages_left(m, s)


@hook
def lruvec_round(m, s):
    """Scan up to 32 pages of each list of the current lruvec; 1 when there should be another round."""
    sc = scans(m)[s]
    for lru in range(4):
        if sc.nr[lru] == 0:
            continue
        count = min(sc.nr[lru], SWAP_CLUSTER_MAX)
        sc.nr[lru] -= count
        if not lru & 1:
            sc.round_reclaimed += shrink_inactive(m, s, sc.lruvec, lru, count)
        elif may_shrink_active(m, s, lru >> 1):
            shrink_active(m, s, sc.lruvec, lru, count)
    return 0 if after_round(m, s) else pages_left(m, s)


@hook
def lruvec_end(m, s):
    """Age the lruvec's active anonymous pages a little if the inactive list runs low."""
    if age_anon(m, s):
        shrink_active(m, s, scans(m)[s].lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)
    return 0
