"""What an evicted page leaves behind and what its return tells (mm/workingset.c, 6.1 and 6.18 with generations).

The shadow's 40 bits of age hold the number of the generation that was the oldest and two bits of file accesses.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.sleep import current
from mmrun.model.mm.generations.state import MAX_GENS, lrugens
from mmrun.model.mm.lru.gens import file_refs, kind_of, tier_from
from mmrun.model.mm.lru.shadow import age_of, memcg_of, node_of, pack, was_workingset
from mmrun.model.mm.lru.state import ONE_TOUCH, lru_settings, workingset_count
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import WORKINGSET_ACTIVATE_ANON, WORKINGSET_REFAULT_ANON, WORKINGSET_RESTORE_ANON
from mmrun.model.mm.page.flags import REFS_MASK, REFS_SHIFT, WORKINGSET
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of


@hook
def evict(m, pfn, s):
    """Count the eviction by tier; the shadow holds the oldest generation's number and the accesses through files."""
    page = frames(m)[pfn]
    g, state = lrugens(m)[lruvec_of(m, page.memcg, page.node, page.zone)], page.state
    kind, refs = kind_of(state), file_refs(m, state)
    workingset = 1 if (refs if lru_settings(m).lru_gen == ONE_TOUCH else state & WORKINGSET) else 0
    g.evicted[kind, tier_from(m, refs, workingset)] += nr_pages(m, pfn)
    return pack(g.min_seq[kind] << 2 | max(refs - 1, 0), page.memcg, page.node, workingset)


@kernel
def recent(m, lv, kind, seq):
    """Whether a page evicted when `seq` was the oldest generation left a short time ago (lru_gen_test_recent)."""
    g = lrugens(m)[lv]
    if lru_settings(m).lru_gen == ONE_TOUCH:
        return seq == g.min_seq[kind]
    return abs(g.max_seq - seq) < MAX_GENS


@kernel
def _count_refault(m, memcg, kind, came, activated, restored):
    """Book so many pages that refaulted under the kernel's counters: that they came, or what became of them."""
    mod_state(m, memcg, WORKINGSET_REFAULT_ANON + kind, came)
    mod_state(m, memcg, WORKINGSET_ACTIVATE_ANON + kind, activated)
    mod_state(m, memcg, WORKINGSET_RESTORE_ANON + kind, restored)
    if kind:
        workingset_count(m).workingset_refault_file += came
        workingset_count(m).workingset_activate_file += activated
        workingset_count(m).workingset_restore_file += restored
    else:
        workingset_count(m).workingset_refault_anon += came
        workingset_count(m).workingset_activate_anon += activated
        workingset_count(m).workingset_restore_anon += restored


@hook
def refault(m, pfn, shadow):
    """A recent refault counts for its tier, and gives back what the shadow knows about accesses (lru_gen_refault)."""
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    kind, one_touch, token = kind_of(page.state), lru_settings(m).lru_gen == ONE_TOUCH, age_of(shadow)
    if memcg_of(shadow) != page.memcg or node_of(shadow) != page.node:
        return 0
    lv = lruvec_of(m, page.memcg, page.node, page.zone)
    is_recent = recent(m, lv, kind, token >> 2)
    if is_recent or not one_touch:
        _count_refault(m, page.memcg, kind, pages, 0, 0)
    if not is_recent:
        return 0
    workingset = was_workingset(shadow)
    refs = (token & 3) + (workingset if one_touch else 1)
    lrugens(m)[lv].refaulted[kind, tier_from(m, refs, workingset)] += pages
    if one_touch:
        if current(m).in_lru_fault or refs >= 3:
            page.state |= REFS_MASK | WORKINGSET
            _count_refault(m, page.memcg, kind, 0, 0, pages)
        return 0
    if current(m).in_lru_fault:
        _count_refault(m, page.memcg, kind, 0, pages, 0)
    if workingset:
        page.state |= WORKINGSET
        _count_refault(m, page.memcg, kind, 0, 0, pages)
    else:
        page.state = (page.state & ~REFS_MASK) | (refs - 1) << REFS_SHIFT
    return 0
