"""Who was used: walks over whole page tables, and over the neighbours of a page that reclaim found young.

A walk takes the address spaces of a group one by one and, in each, the leaf tables (512 words) that a bloom filter
names: those where the last walk, or reclaim since, found at least one young word a cache line. Two filters a lruvec
take turns; an address space met for the first time is walked whole, another one only if it was switched in since the
last walk began. When two agings follow each other closely, a switch during the first decides whether the second walks,
finds nothing young any more, and so leaves an empty filter. Of the other address spaces a walk takes, it passes over
leaf tables whose own entry is not young: none of their pages was looked up since the last walk.
Source: walk_mm, get_next_mm, lru_gen_look_around of mm/vmscan.c, 6.1 and 6.18; lru_gen_use_mm of context_switch.
"""

from mmrun.model.core.codes import KILLED
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import run_settings, task_count
from mmrun.model.mm.generations.state import (
    BLOOM_BYTES,
    MAX_GENS,
    TABLE_SHIFT,
    bloom,
    generation_count,
    generation_settings,
    leaf_young,
    lrugens,
)
from mmrun.model.mm.lru.ahead import ask_for_mapped
from mmrun.model.mm.lru.gens import MIN_LRU_BATCH, SWAPPINESS_ANON_ONLY, gen_of, set_gen, update_gen
from mmrun.model.mm.lru.lru import queue_activation
from mmrun.model.mm.lru.rmap import pte_frame
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped, look_at_folio
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_settings, lruvecs
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import ANON, LRU, QUEUED, REFERENCED, REFS_MASK, WORKINGSET
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.task.state import (
    ADVICE_NORMAL,
    PTE_PRESENT,
    PTE_YOUNG,
    REGION_ANON,
    REGION_HUGETLB,
    REGION_MMAP,
    REGION_READ,
    pte,
    ptpage,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import maps

WORDS_A_LINE = 8
WORDS_AHEAD = 32  # of a walk: whose frames are asked for at once
HASH_MULTIPLIER = 0x61C8864680B583EB  # hash_64: the golden ratio
FILTER_BITS = 15
FEW = 15  # PAGEVEC_SIZE of 6.1: so many pages are activated through the CPU's batch


@kernel
def _hash(table):
    """30 bits that stand for a leaf table (hash_ptr of its 8-byte entry)."""
    return ((int(table) << 3) * HASH_MULTIPLIER >> 34) & ((1 << 2 * FILTER_BITS) - 1)


@kernel
def _place(lv, seq, key):
    """Byte of the bloom table that holds bit `key` of the filter for sequence number `seq`."""
    return lv * BLOOM_BYTES + (seq & 1) * (BLOOM_BYTES // 2) + (key >> 3)


@kernel
def in_filter(m, lv, seq, table):
    """Whether the filter for `seq` names the leaf table; a filter that was never filled names every one.

    In the kernel: test_bloom_filter.
    """
    if not lrugens(m)[lv].filters >> (seq & 1) & 1:
        return 1
    bits, key = bloom(m), _hash(table)
    low, high = key & ((1 << FILTER_BITS) - 1), key >> FILTER_BITS
    return (bits[_place(lv, seq, low)] >> (low & 7)) & (bits[_place(lv, seq, high)] >> (high & 7)) & 1


@kernel
def add_to_filter(m, lv, seq, table):
    """Name the leaf table in the filter for `seq`, if that exists (update_bloom_filter)."""
    if lrugens(m)[lv].filters >> (seq & 1) & 1:
        bits, key = bloom(m), _hash(table)
        low, high = key & ((1 << FILTER_BITS) - 1), key >> FILTER_BITS
        bits[_place(lv, seq, low)] |= 1 << (low & 7)
        bits[_place(lv, seq, high)] |= 1 << (high & 7)


@kernel
def reset_filter(m, lv, seq):
    """Make the filter for `seq` name nothing (reset_bloom_filter)."""
    bits, first = bloom(m), _place(lv, seq, 0)
    for i in range(first, first + BLOOM_BYTES // 2):
        bits[i] = 0
    lrugens(m)[lv].filters |= 1 << (seq & 1)


@kernel
def _skipped(m, region, swappiness):
    """Whether a walk leaves the mapping out (should_skip_vma)."""
    r = regions(m)[region]
    if (r.kind == REGION_ANON and not swappiness) or (r.kind == REGION_MMAP and swappiness == SWAPPINESS_ANON_ONLY):
        return True
    return r.kind in (REGION_READ, REGION_HUGETLB) or r.advice != ADVICE_NORMAL


@kernel
def _counts(m, lv, pfn, swappiness):
    """Whether a walk for the lruvec may age this page (get_pfn_folio)."""
    page, vec = frames(m)[pfn], lruvecs(m)[lv]
    if page.memcg != vec.memcg or page.node != vec.node or (page.state & ANON and not swappiness):
        return False
    return lru_settings(m).lru_gen == ONE_TOUCH or page.state & LRU != 0


@kernel
def walk_table(m, lv, t, table, swappiness):
    """Age every young page of one leaf table of task `t`; 1 when there was a young word a cache line.

    In the kernel: walk_pte_range.
    """
    words, task, gen = pte(m), tasks(m)[t], lrugens(m)[lv].max_seq % MAX_GENS
    total, young, last = 0, 0, NONE
    for region in range(task.first_region, task.first_region + task.nr_regions):
        if _skipped(m, region, swappiness):
            continue
        r = regions(m)[region]
        end, asked = min(r.start + r.npages, (table + 1) << TABLE_SHIFT), 0
        for at in range(max(r.start, table << TABLE_SHIFT), end):
            total += 1
            word = words[at]
            if not word & PTE_PRESENT or not word & PTE_YOUNG:
                continue
            if at >= asked:
                asked = min(at + WORDS_AHEAD, end)
                ask_for_mapped(m, at, asked)
            pfn = folio_of(m, pte_frame(word))
            if not _counts(m, lv, pfn, swappiness):
                continue
            words[at] = word & ~PTE_YOUNG
            young += 1
            if pfn != last:
                update_gen(m, lv, pfn, gen)
            last = pfn
    m.now += generation_settings(m).walk_pte * total
    generation_count(m).lru_gen_leaf_total += total
    generation_count(m).lru_gen_leaf_young += young
    return 1 if total and young * WORDS_A_LINE >= total else 0


@kernel
def _walk_huge(m, lv, at, swappiness):
    """Age a huge page that is mapped by one entry, if it is young (walk_pmd_range_locked)."""
    words = pte(m)
    pfn = folio_of(m, pte_frame(words[at]))
    if not _counts(m, lv, pfn, swappiness):
        return
    generation_count(m).lru_gen_leaf_total += 1
    if look_at_folio(m, pfn, ~PTE_YOUNG) & 1:
        generation_count(m).lru_gen_leaf_young += 1
        update_gen(m, lv, pfn, lrugens(m)[lv].max_seq % MAX_GENS)


@kernel
def _entry_young(m, table, keep):
    """Whether a walk looks below the entry for a leaf table: it is young, and cleared now; or the walk may `keep` it.

    In the kernel: walk_pmd_range_locked, which a walk of everything leaves out since 6.14.
    """
    young = leaf_young(m)[table] or keep
    if not keep:
        leaf_young(m)[table] = 0
    return young


@kernel
def walk_mm(m, lv, t, swappiness, whole, nonleaf_young):
    """Walk the page tables of task `t` for a lruvec: the leaf tables that the filter names, or the `whole` of them.

    In the kernel: walk_page_range.
    """
    task, seq = tasks(m)[t], lrugens(m)[lv].max_seq
    for table in range(task.pte_start >> TABLE_SHIFT, (task.pte_start + task.npages - 1 >> TABLE_SHIFT) + 1):
        if not ptpage(m)[table]:
            continue
        m.now += generation_settings(m).walk_pte
        if is_huge_mapped(m, table << TABLE_SHIFT):
            _walk_huge(m, lv, table << TABLE_SHIFT, swappiness)
            continue
        if nonleaf_young and not _entry_young(m, table, whole and lru_settings(m).lru_gen == TWO_TOUCH):
            continue
        if (whole or in_filter(m, lv, seq, table)) and walk_table(m, lv, t, table, swappiness):
            add_to_filter(m, lv, seq + 1, table)


@kernel
def _large_enough(m, t, swappiness):
    """Whether the task has 64 pages mapped that a walk could age; the page-table words are counted up to there."""
    words, task, mapped = pte(m), tasks(m)[t], 0
    for region in range(task.first_region, task.first_region + task.nr_regions):
        r = regions(m)[region]
        if r.kind == REGION_MMAP or (r.kind == REGION_ANON and swappiness):
            for at in range(r.start, r.start + r.npages):
                mapped += 1 if maps(words[at]) else 0
                if mapped >= MIN_LRU_BATCH:
                    return True
    return False


@kernel
def _switched_in(m, t, node):
    """Whether task `t` was given a CPU since the node's last walk of it began; this one begins (get_next_mm)."""
    task, period = tasks(m)[t], run_settings(m).background_switch
    found = task.switched_in >> node & 1 or (period and m.now // period != (task.walked[node] - 1) // period)
    task.switched_in &= ~(1 << node)
    task.walked[node] = m.now + 1
    return found


@kernel
def walk_group(m, lv, swappiness, nonleaf_young):
    """Walk the address spaces of the lruvec's group that ran since the last walk (iterate_mm_list)."""
    vec, fresh, whole = lruvecs(m)[lv], True, False
    t = memcgs(m)[vec.memcg].first_task
    while t != NONE:
        task = tasks(m)[t]
        if task.state != KILLED and task_count(m)[t].accesses:
            if task.walked[vec.node] == 0:
                whole = True  # and so are those after it: it came last
            ran = _switched_in(m, t, vec.node)
            if (whole or ran) and (generation_settings(m).walk_small or _large_enough(m, t, swappiness)):
                if fresh:
                    reset_filter(m, lv, lrugens(m)[lv].max_seq + 1)
                    fresh = False
                walk_mm(m, lv, t, swappiness, whole, nonleaf_young)
        t = task.next_of_group


@kernel
def _window(m, region, at):
    """First and last + 1 of the up to 64 words around `at`, in its mapping and its leaf table."""
    r = regions(m)[region]
    first = max(r.start, (at >> TABLE_SHIFT) << TABLE_SHIFT)
    last = min(r.start + r.npages, ((at >> TABLE_SHIFT) + 1) << TABLE_SHIFT)
    if last - first > MIN_LRU_BATCH:
        if at - first < MIN_LRU_BATCH // 2:
            return first, first + MIN_LRU_BATCH
        if last - at < MIN_LRU_BATCH // 2:
            return last - MIN_LRU_BATCH, last
        return at - MIN_LRU_BATCH // 2, at + MIN_LRU_BATCH // 2
    return first, last


@kernel
def _set_refs(m, pfn):
    """Second sighting of a page, outside a walk: 1 when it should be activated (lru_gen_set_refs)."""
    page = frames(m)[pfn]
    if not page.state & (REFERENCED | WORKINGSET):
        page.state = (page.state & ~REFS_MASK) | REFERENCED
        return 0
    page.state = (page.state & ~(REFS_MASK | REFERENCED)) | WORKINGSET
    return 1


@kernel
def _promote(m, lv, first, hot, walking):
    """Move the pages whose words are marked in the bit set `hot` to the youngest generation."""
    words, f, gen, few = pte(m), frames(m), lrugens(m)[lv].max_seq % MAX_GENS, 0
    for i in range(MIN_LRU_BATCH):
        few += hot >> i & 1
    for i in range(MIN_LRU_BATCH):
        if not hot >> i & 1:
            continue
        pfn = folio_of(m, pte_frame(words[first + i]))
        if not walking and (lru_settings(m).lru_gen == TWO_TOUCH or few < FEW):
            if f[pfn].state & LRU and not f[pfn].state & QUEUED:
                queue_activation(m, pfn)
        else:
            f[pfn].state &= ~(REFS_MASK | REFERENCED | WORKINGSET)
            set_gen(m, lv, pfn, gen)


@kernel
def look_around(m, s, region, at):
    """Reclaim found word `at` young: age its young neighbours too, and tell walks that the table is worth a look.

    The word itself keeps its bit for the caller to count.
    """
    words, f = pte(m), frames(m)
    page = f[folio_of(m, pte_frame(words[at]))]
    lv = lruvec_of(m, page.memcg, page.node, page.zone)
    seq, walking, young, hot = lrugens(m)[lv].max_seq, scans(m)[s].mm_walk, 0, 0
    first, last = _window(m, region, at)
    ask_for_mapped(m, first, last)
    for i in range(first, last):
        word = words[i]
        if not word & PTE_PRESENT or not word & PTE_YOUNG:
            continue
        pfn = folio_of(m, pte_frame(word))
        if i != at and not _counts(m, lv, pfn, 1):
            continue
        young += 1
        if i != at:
            words[i] = word & ~PTE_YOUNG
        if lru_settings(m).lru_gen == ONE_TOUCH:
            if not f[pfn].state & LRU:
                f[pfn].state |= REFERENCED
            elif gen_of(f[pfn].state) != seq % MAX_GENS:
                hot |= 1 << int(i - first)
        elif i != at and walking:
            update_gen(m, lv, pfn, seq % MAX_GENS)
        elif i != at and _set_refs(m, pfn) and gen_of(f[pfn].state) != seq % MAX_GENS:
            hot |= 1 << int(i - first)
    m.now += generation_settings(m).walk_pte * (last - first)
    _promote(m, lv, first, hot, walking)
    if young * WORDS_A_LINE >= last - first:
        add_to_filter(m, lv, seq, at >> TABLE_SHIFT)
