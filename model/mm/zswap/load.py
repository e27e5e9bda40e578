"""A page is read back, from memory if it is there (swap_read_folio, zswap_load)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.mm.memcg.memcontrol import stat_updated
from mmrun.model.mm.page.flags import DIRTY, SWAPCACHE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.zswap.entry import drop, lruvec_at
from mmrun.model.mm.zswap.state import (
    COMPRESSED,
    NOTHING,
    ZEROS,
    zswap_entries,
    zswap_groups,
    zswap_lruvecs,
    zswap_settings,
    zswap_stats,
)


@kernel
def zswap_load(m, slot, pfn):
    """Whether the slot's page is read from memory now; if not, its device has to (swap_read_folio).

    What goes into the swap cache leaves zswap since 6.9, as the page there is enough, and dirty; before, its entry is
    the newest again.
    """
    e, page = zswap_entries(m)[slot], frames(m)[pfn]
    if e.kind == NOTHING:
        zswap_lruvecs(m)[lruvec_at(m, page.memcg, page.node)].nr_disk_swapins += 1  # zswap_folio_swapin
        return False
    if e.kind == ZEROS:
        m.now += zswap_settings(m).zswap_fill
        zswap_stats(m).swpin_zero += 1
        return True
    m.now += zswap_settings(m).decompress_ns if e.kind == COMPRESSED else zswap_settings(m).zswap_fill
    zswap_stats(m).zswpin += 1
    zswap_groups(m)[e.memcg].zswpin += 1
    if e.memcg:
        stat_updated(m, e.memcg, 1)
    if zswap_settings(m).zswap_exclusive:
        if page.state & SWAPCACHE:
            drop(m, slot)
            page.state |= DIRTY
    elif e.kind == COMPRESSED:
        lst = zswap_lruvecs(m)[lruvec_at(m, e.memcg, e.node)].lru
        unlink_row(zswap_entries(m), lst, slot)
        link_tail(zswap_entries(m), lst, slot)
    return True
