"""A domain's page table: four levels of 512 entries, each table a page of the machine's memory.

In the kernel: iommu_map, iommu_pgsize; drivers/iommu/intel/iommu.c: __domain_mapping, dma_pte_clear_level. Entries are
words of `iommu_words`; that of a lower table has its row for a frame.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.iommu.state import (
    AMD,
    ENTRIES,
    FRAME_SHIFT,
    INTEL,
    LARGE,
    LEVEL_BITS,
    LEVELS,
    READ,
    VIRTIO,
    iommu_count,
    iommu_domains,
    iommu_settings,
    iommu_state,
    iommu_tables,
    iommu_words,
    iommus,
)
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import IOMMU_PAGE, KERNEL
from mmrun.model.mm.page.gfp import GFP_ATOMIC, NOWARN
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames

ALL_NODES = -1
MASK = ENTRIES - 1


@kernel
def pages_of(level):
    """Pages that an entry of a level covers."""
    return 1 << LEVEL_BITS * level


@rare
@kernel
def alloc_table(m, domain):
    """An empty table, by row; NONE when there is no page for it (iommu_alloc_page_node, GFP_ATOMIC)."""
    state, d, pfn = iommu_state(m), iommu_domains(m)[domain], NONE
    fresh = state.free == NONE
    row = state.used if fresh else state.free
    if row >= len(iommu_tables(m)):
        return NONE
    if iommus(m)[d.unit].kind != VIRTIO:
        pfn = alloc_pages(m, GFP_ATOMIC | NOWARN, 0, d.node, ALL_NODES)
        if pfn == NONE:
            return NONE
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg, page.owner = KERNEL, IOMMU_PAGE, 0, row
        m.now += iommu_settings(m).iommu_table_page
    if fresh:
        state.used += 1
    else:
        state.free = iommu_tables(m)[row].next
    entry = iommu_tables(m)[row]
    entry.frame, entry.next, entry.domain = pfn, NONE, domain
    for i in range(row * ENTRIES, (row + 1) * ENTRIES):
        iommu_words(m)[i] = 0
    d.tables += 1
    return row


@kernel
def free_chain(m, head):
    """Free the tables of a chain (iommu_put_pages_list)."""
    while head != NONE:
        table = iommu_tables(m)[head]
        following = table.next
        if table.frame != NONE:
            free_frame(m, turn(m).cpu, table.frame)
        iommu_domains(m)[table.domain].tables -= 1
        table.frame, table.domain, table.next = NONE, NONE, iommu_state(m).free
        iommu_state(m).free = head
        head = following


@kernel
def slot_of(row, iova, level):
    """Where a table's entry for a page is."""
    return row * ENTRIES + (iova >> LEVEL_BITS * level & MASK)


@kernel
def walk(m, domain, iova):
    """The entry that maps page `iova` of a domain, 0: none does; `iommu_state.level`: of the last that was read."""
    level, row = LEVELS - 1, iommu_domains(m)[domain].top
    while row != NONE:
        word = iommu_words(m)[slot_of(row, iova, level)]
        if word == 0 or level == 0 or word & LARGE:
            iommu_state(m).level = level
            return word
        row = word >> FRAME_SHIFT
        level -= 1
    iommu_state(m).level = level
    return 0


@kernel
def slot_at(m, domain, iova, at):
    """Where the entry of level `at` for a page is, tables above it made where there are none; NONE: no page for one."""
    d = iommu_domains(m)[domain]
    if d.top == NONE:
        d.top = alloc_table(m, domain)
    row = d.top
    for level in range(LEVELS - 1, at if row != NONE else LEVELS, -1):
        slot = slot_of(row, iova, level)
        if iommu_words(m)[slot] == 0:
            below = alloc_table(m, domain)
            if below == NONE:
                return NONE
            iommu_words(m)[slot] = below << FRAME_SHIFT | READ
        row = iommu_words(m)[slot] >> FRAME_SHIFT
    return NONE if row == NONE else slot_of(row, iova, at)


@kernel
def pgsize_level(m, unit, iova, pfn, pages):
    """The level of the largest page that addresses, memory and what is left allow (iommu_pgsize)."""
    level, u = 0, iommus(m)[unit]
    largest = 0 if u.kind == INTEL and not iommu_settings(m).vtd_large_pages else u.largest
    while level < largest and (iova | pfn) & pages_of(level + 1) - 1 == 0 and pages >= pages_of(level + 1):
        level += 1
    return level


@kernel
def chain(m, row, head):
    """Put a table before a chain."""
    iommu_tables(m)[row].next = head
    return row


@rare
@kernel
def chain_tables(m, row, level, head):
    """Put a table of a level, and all tables below it, before a chain (dma_pte_list_pagetables)."""
    if level > 1:  # its entries are of tables of tables
        for i in range(row * ENTRIES, (row + 1) * ENTRIES):
            word = iommu_words(m)[i]
            if word and not word & LARGE:
                head = _chain_lowest(m, word >> FRAME_SHIFT, head)
        return chain(m, row, head)
    return _chain_lowest(m, row, head) if level == 1 else chain(m, row, head)


@kernel
def _chain_lowest(m, row, head):
    """The same of a table whose entries are of tables that map pages."""
    for i in range(row * ENTRIES, (row + 1) * ENTRIES):
        word = iommu_words(m)[i]
        if word and not word & LARGE:
            head = chain(m, word >> FRAME_SHIFT, head)
    return chain(m, row, head)


@kernel
def clear_range(m, domain, iova, pages):
    """Clear the entries of a range; the chain of tables that it covers as a whole, or NONE.

    VT-d and SMMUs let such tables go, AMD keeps them. Part of a large page takes all of it.
    """
    end, head, d = iova + pages, NONE, iommu_domains(m)[domain]
    keeps, ns = iommus(m)[d.unit].kind == AMD, iommu_settings(m).iommu_unmap_range
    while iova < end:
        level, row = LEVELS - 1, d.top
        size = pages_of(level)
        while row != NONE:
            slot, size = slot_of(row, iova, level), pages_of(level)
            word = iommu_words(m)[slot]
            if word == 0:
                break
            whole = iova & size - 1 == 0 and iova + size <= end
            if level == 0 or word & LARGE or (whole and not keeps):
                iommu_words(m)[slot] = 0
                m.now += ns
                ns = iommu_settings(m).iommu_unmap_entry
                if level and not word & LARGE:
                    head = chain_tables(m, word >> FRAME_SHIFT, level - 1, head)
                break
            row = word >> FRAME_SHIFT
            level -= 1
        iova = (iova & ~(size - 1)) + size
    d.pages -= pages
    return head


@kernel
def write_range(m, domain, iova, pfn, pages, prot):
    """Write the entries of a range, the largest that fit; (pages written, the chain of tables that large ones replace).

    Fewer pages than asked for: there was no page for a table.
    """
    d = iommu_domains(m)[domain]
    done, replaced = 0, NONE
    while done < pages:
        level = pgsize_level(m, d.unit, iova + done, pfn + done, pages - done)
        slot, size = slot_at(m, domain, iova + done, level), pages_of(level)
        if slot == NONE:
            break
        word, large = iommu_words(m)[slot], LARGE if level else 0
        if word and level and not word & LARGE:  # an empty table where a large page is to be (switch_to_super_page)
            replaced = chain_tables(m, word >> FRAME_SHIFT, level - 1, replaced)
        iommu_words(m)[slot] = pfn + done << FRAME_SHIFT | prot | large
        iommu_count(m).iommu_large_pages += 1 if level else 0
        m.now += iommu_settings(m).iommu_map_entry if done else iommu_settings(m).iommu_map_range
        done += size
    d.pages += done
    return done, replaced
