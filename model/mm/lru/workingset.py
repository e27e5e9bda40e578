"""Refault distance: how time passes for evicted pages, and what is counted when one comes back (mm/workingset.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.lru.shadow import age_of
from mmrun.model.mm.lru.state import lruvecs, workingset_count
from mmrun.model.mm.memcg.memcontrol import mod_state, note_size
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import WORKINGSET_ACTIVATE_ANON, WORKINGSET_REFAULT_ANON, WORKINGSET_RESTORE_ANON
from mmrun.model.mm.page.flags import ACTIVE, ANON, WORKINGSET
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of

AGE_MASK = (1 << 40) - 1  # what a shadow entry keeps of the age


@kernel
def age_with_ancestors(m, lv, pages):
    """`pages` pages became active or nonresident: time passes for the lruvec and its ancestors (since 5.8).

    In the kernel: workingset_age_nonresident.
    """
    table, at = lruvecs(m), lv
    while True:
        table[at].nonresident_age += pages
        if table[at].memcg == 0:
            return
        at = lruvec_of(m, memcgs(m)[table[at].memcg].parent, table[at].node, table[at].zone)


@kernel
def distance(m, lv, shadow):
    """How much the lruvec has aged since the page left it."""
    return (lruvecs(m)[lv].nonresident_age - age_of(shadow)) & AGE_MASK


@kernel
def of_kind(item, state):
    """The item of a page with these state bits, of two that stand side by side: of anonymous pages, of file pages."""
    return item if state & ANON else item + 1


@kernel
def count_refault(m, pfn):
    """A page came back that had left a shadow."""
    page = frames(m)[pfn]
    if page.state & ANON:
        workingset_count(m).workingset_refault_anon += nr_pages(m, pfn)
    else:
        workingset_count(m).workingset_refault_file += nr_pages(m, pfn)
    mod_state(m, page.memcg, of_kind(WORKINGSET_REFAULT_ANON, page.state), nr_pages(m, pfn))


@kernel
def activate_refault(m, pfn, lv):
    """The page belongs to the workingset: it starts on the active list, and lruvec `lv` counts it.

    In the kernel: workingset_refault.
    """
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    page.state |= ACTIVE
    if page.state & ANON:
        lruvecs(m)[lv].activated[0] += pages
        workingset_count(m).workingset_activate_anon += pages
    else:
        lruvecs(m)[lv].activated[1] += pages
        workingset_count(m).workingset_activate_file += pages
    mod_state(m, page.memcg, of_kind(WORKINGSET_ACTIVATE_ANON, page.state), pages)
    note_size(m, lv, 4 if page.state & ANON else 5, pages)


@kernel
def restore_workingset(m, pfn):
    """The page had been active before it was evicted (workingset_restore, 4.20)."""
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    page.state |= WORKINGSET
    if page.state & ANON:
        workingset_count(m).workingset_restore_anon += pages
    else:
        workingset_count(m).workingset_restore_file += pages
    mod_state(m, page.memcg, of_kind(WORKINGSET_RESTORE_ANON, page.state), pages)
