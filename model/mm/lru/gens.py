"""Generations instead of active and inactive lists: where a page enters, moves and leaves (lru_gen_add_folio).

A generation has a sequence number between a lruvec's `min_seq` of the kind (0 anon, 1 file) and its `max_seq`. Aging
only rewrites the generation in a page's state; the page stays in the list where it stands until eviction meets it.
The two youngest generations count as active. Source: include/linux/mm_inline.h of 6.1 (with its stable fixes) and 6.18.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.mm.generations.state import MAX_GENS, MAX_TIERS, lrugens
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_settings
from mmrun.model.mm.memcg.memcontrol import stat_updated
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    DIRTY,
    GEN_MASK,
    GEN_SHIFT,
    HOME_MASK,
    HOME_SHIFT,
    LRU,
    RECLAIM,
    REFERENCED,
    REFS_MASK,
    REFS_SHIFT,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones

MIN_GENS = 2
SWAPPINESS_ANON_ONLY = 201  # "swappiness=max" of memory.reclaim
MIN_LRU_BATCH, MAX_LRU_BATCH = 64, 4096


@kernel
def kind_of(frame_state):
    """0 for an anonymous page, 1 for a file page."""
    return 0 if frame_state & ANON else 1


@kernel
def kinds(swappiness):
    """First kind that may be evicted, and the one after the last: no anon at swappiness 0, no file beyond 200."""
    return 0 if swappiness else 1, 1 if swappiness == SWAPPINESS_ANON_ONLY else 2


@kernel
def gen_of(frame_state):
    """Generation (sequence number modulo 4) that the page says it is in, -1 when it is in none."""
    return ((frame_state & GEN_MASK) >> GEN_SHIFT) - 1


@kernel
def refs_of(frame_state):
    """Accesses through files beyond the first two flags, 0 to 3."""
    return (frame_state & REFS_MASK) >> REFS_SHIFT


@kernel
def is_active(m, lv, gen):
    """Whether the generation is one of the two youngest."""
    newest = lrugens(m)[lv].max_seq
    return gen == newest % MAX_GENS or gen == (newest - 1) % MAX_GENS


@kernel
def count(m, lv, pfn, gen, delta):
    """Add `delta` times the folio's pages to the sizes of generation `gen`."""
    page, delta = frames(m)[pfn], delta * nr_pages(m, pfn)
    zone, kind = zones(m)[page.zone], kind_of(page.state)
    lrugens(m)[lv].pages[gen, kind, zone.kind] += delta
    zone.nr_lru[2 * kind + (1 if is_active(m, lv, gen) else 0)] += delta


@kernel
def _link(m, lv, pfn, gen, at_tail):
    """Stand the page at one end of a generation's list; the tail is next in line for eviction."""
    f = frames(m)
    lst = lrugens(m)[lv].lists[gen, kind_of(f[pfn].state), zones(m)[f[pfn].zone].kind]
    f[pfn].state = (f[pfn].state & ~HOME_MASK) | gen << HOME_SHIFT
    if at_tail:
        link_tail(f, lst, pfn)
    else:
        link_head(f, lst, pfn)


@kernel
def home_of(m, lv, pfn):
    """The list a page stands in."""
    page = frames(m)[pfn]
    home = (page.state & HOME_MASK) >> HOME_SHIFT
    return lrugens(m)[lv].lists[home, kind_of(page.state), zones(m)[page.zone].kind]


@kernel
def _unlink(m, lv, pfn):
    """Take the page out of the list it stands in."""
    unlink_row(frames(m), home_of(m, lv, pfn), pfn)


@kernel
def move(m, lv, pfn, gen, at_tail):
    """Stand a page that is on a list at one end of another one."""
    _unlink(m, lv, pfn)
    _link(m, lv, pfn, gen, at_tail)


@kernel
def entry_seq(m, lv, frame_state, reclaiming):
    """Sequence number of the generation a page with these state bits enters.

    `reclaiming`: its writeback has just ended and it should be the next to go.
    """
    g = lrugens(m)[lv]
    newest, oldest = g.max_seq, g.min_seq[kind_of(frame_state)]
    must_wait = frame_state & (ANON | SWAPCACHE) == ANON or (
        frame_state & RECLAIM and frame_state & (DIRTY | WRITEBACK)
    )
    if lru_settings(m).lru_gen == TWO_TOUCH:
        workingset = 1 if frame_state & WORKINGSET else 0
        if frame_state & ACTIVE:
            return max(newest - 1 + workingset, oldest)
        if reclaiming:
            return max(newest - 3, oldest)
        return max(newest - 1 if must_wait else newest - 3 + workingset, oldest)
    if frame_state & ACTIVE:
        return newest
    if must_wait:
        return newest - 1
    # Until 6.1.69 every other page entered the oldest generation, which may be too short-lived to learn from.
    return oldest if reclaiming or oldest + MIN_GENS >= newest else oldest + 1


@kernel
def gen_add(m, lv, pfn, reclaiming):
    """Put a page that is on no list into the generation its state asks for."""
    page = frames(m)[pfn]
    gen = entry_seq(m, lv, page.state, reclaiming) % MAX_GENS
    page.state = (page.state & ~(GEN_MASK | ACTIVE)) | LRU | (gen + 1) << GEN_SHIFT
    count(m, lv, pfn, gen, 1)
    _link(m, lv, pfn, gen, reclaiming)


@kernel
def gen_delete(m, lv, pfn, reclaiming):
    """Take a page off its list; unless for reclaim, it remembers whether it was among the active ones."""
    page = frames(m)[pfn]
    gen = gen_of(page.state)
    _unlink(m, lv, pfn)
    count(m, lv, pfn, gen, -1)
    active = ACTIVE if not reclaiming and is_active(m, lv, gen) else 0
    page.state = (page.state & ~(GEN_MASK | HOME_MASK | LRU)) | active


@kernel
def set_gen(m, lv, pfn, gen):
    """Rewrite the generation of a page on a list, where it stands."""
    page = frames(m)[pfn]
    before = gen_of(page.state)
    count(m, lv, pfn, before, -1)
    page.state = (page.state & ~GEN_MASK) | (gen + 1) << GEN_SHIFT
    count(m, lv, pfn, gen, 1)
    if is_active(m, lv, before) != is_active(m, lv, gen):  # counted as two lists (lru_gen_update_size)
        stat_updated(m, page.memcg, 2 * nr_pages(m, pfn))


@kernel
def count_access(m, pfn):
    """read() or write() used the page: referenced, then workingset, then up to three refs (folio_inc_refs).

    Since 6.14 the refs come before the workingset flag.
    """
    page = frames(m)[pfn]
    state = page.state
    if not state & REFERENCED:
        page.state = (state & ~REFS_MASK if lru_settings(m).lru_gen == TWO_TOUCH else state) | REFERENCED
    elif lru_settings(m).lru_gen == ONE_TOUCH and not state & WORKINGSET:
        page.state = state | WORKINGSET
    elif refs_of(state) < 3:
        page.state = state + (1 << REFS_SHIFT)
    elif lru_settings(m).lru_gen == TWO_TOUCH:
        page.state = state | WORKINGSET


@kernel
def update_gen(m, lv, pfn, gen):
    """A young page-table word maps the page: move it to the youngest generation, where it stands (folio_update_gen).

    Since 6.14 the first such sighting only marks it referenced.
    """
    page = frames(m)[pfn]
    state = page.state
    if lru_settings(m).lru_gen == TWO_TOUCH:
        if not state & (REFERENCED | WORKINGSET):
            page.state = (state & ~REFS_MASK) | REFERENCED
            return
        if not state & LRU:
            return
        page.state = (state & ~(REFS_MASK | REFERENCED)) | WORKINGSET
    else:
        if not state & LRU:
            page.state = state | REFERENCED
            return
        page.state = state & ~(REFS_MASK | REFERENCED | WORKINGSET)
    if gen_of(state) != gen:
        set_gen(m, lv, pfn, gen)


@kernel
def inc_gen(m, lv, pfn, reclaiming):
    """Move a page of the oldest generation to the next one, where it stands; the generation it is in then.

    A page that aging has moved already stays in its generation. `reclaiming`: its writeback is awaited (folio_inc_gen).
    """
    page = frames(m)[pfn]
    gen, oldest = gen_of(page.state), lrugens(m)[lv].min_seq[kind_of(page.state)] % MAX_GENS
    if gen != oldest:
        return gen
    gone = REFS_MASK | REFERENCED | (WORKINGSET if lru_settings(m).lru_gen == ONE_TOUCH else 0)
    page.state = (page.state & ~gone) | (RECLAIM if reclaiming else 0)
    set_gen(m, lv, pfn, (oldest + 1) % MAX_GENS)
    return (oldest + 1) % MAX_GENS


@kernel
def file_refs(m, frame_state):
    """Accesses through files that the state tells of (folio_lru_refs): 0 to 4."""
    if lru_settings(m).lru_gen == ONE_TOUCH:
        return refs_of(frame_state) + (1 if frame_state & WORKINGSET else 0)
    return refs_of(frame_state) + 1 if frame_state & REFERENCED else 0


@kernel
def order_base_2(n):
    """The smallest k with 2^k at least n."""
    k = 0
    while 1 << k < n:
        k += 1
    return k


@kernel
def tier_from(m, refs, workingset):
    """Tier of a page with so many accesses through files (lru_tier_from_refs)."""
    if lru_settings(m).lru_gen == ONE_TOUCH:
        return order_base_2(refs + 1)
    return MAX_TIERS - 1 if workingset else order_base_2(refs)


@kernel
def saturated(m, frame_state):
    """Whether the page was used more often than tiers can tell; it is always kept for another generation."""
    refs = file_refs(m, frame_state)
    if lru_settings(m).lru_gen == ONE_TOUCH:
        return refs == 4
    return refs == 4 and frame_state & WORKINGSET != 0
