"""Moving what reclaim would drop or swap out to a slower node instead (demote_folio_list)."""

from mmrun.model.core.accounting import DEMOTION, begins, ends
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.lehmer import following
from mmrun.model.core.links import unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import MAX_NODES, node_count
from mmrun.model.mm.migrate.isolate import add_isolated, give_list, take_list
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.state import ASYNC, MR_DEMOTION, TO_NODE, isolated
from mmrun.model.mm.numa_balancing.ping_pong import note_demotion, row_of
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.mempolicy import popcount
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.tiering.state import tiers


@kernel
def next_demotion_node(m, nid):
    """One of the nearest nodes of the next lower tier, by chance if there are several."""
    tier = tiers(m)[nid]
    which, several = 0, popcount(tier.targets)
    if several > 1:
        tier.rng = following(tier.rng)
        which = tier.rng % several
    for node in range(MAX_NODES):
        if tier.targets >> node & 1:
            if which == 0:
                return node
            which -= 1
    return nid


@kernel
def _left(m, s, pages):
    """Which of the batch are still on the list, bit by bit, and how many pages; the list is empty then."""
    sc, lst, left, stay = scans(m)[s], isolated(m)[pages], 0, 0
    while lst.head != NONE:
        pfn = lst.head
        unlink_row(frames(m), lst, pfn)
        stay += nr_pages(m, pfn)
        for i in range(sc.nr_taken):
            if sc.candidates >> i & 1 and sc.batch[i] == pfn:
                left |= 1 << i
    return left, stay


@kernel
def _book(m, s, nid, pages):
    """Count pages that scan control `s` has demoted."""
    sc, count = scans(m)[s], node_count(m)[nid]
    if sc.kswapd:
        count.pgdemote_kswapd += pages
    elif sc.proactive:
        count.pgdemote_proactive += pages
    else:
        count.pgdemote_direct += pages


@hook
def demote(m, sc):
    """Move the candidates of a batch to a slower node, without reclaim there; those that stay remain candidates."""
    control, gone = scans(m)[sc], 0
    nid, pages = control.node, take_list(m)
    begins(m, DEMOTION)
    for i in range(control.nr_taken):
        if control.candidates >> i & 1:
            control.rows[i] = row_of(m, control.batch[i])
            gone += nr_pages(m, control.batch[i])
            add_isolated(m, pages, control.batch[i])
    migrate_pages(m, pages, TO_NODE, next_demotion_node(m, nid), ASYNC, MR_DEMOTION)
    left, stay = _left(m, sc, pages)
    gone -= stay
    for i in range(control.nr_taken):
        if control.candidates >> i & 1 and not left >> i & 1:
            control.batch[i] = NONE
            if control.rows[i] >= 0:
                note_demotion(m, control.rows[i], nid)
    control.candidates = left
    give_list(m)
    _book(m, sc, nid, gone)
    ends(m, DEMOTION)
    return gone
