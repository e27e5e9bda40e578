"""A translation is looked up in both TLB levels, and the page table is walked if neither has it.

An entry is the number of its page with its size; in its set the most recently used stands first, so the last one makes
room. Addresses that are no longer mapped leave when the kernel flushes them.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry
from mmrun.model.mm.huge.state import huge_marks, thp_settings
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.tlb.state import (
    HUGE,
    LEVEL_2,
    SIZE_SHIFT,
    SMALL,
    address_spaces,
    loaded,
    page_sizes,
    tables_seen,
    tlb_arrays,
    tlb_count,
    tlb_entries,
    tlb_settings,
)
from mmrun.model.units import PAGE

FIRST_LEVEL, SECOND_LEVEL, WALK = 0, 1, 2  # where a translation was found
WORD = 8  # bytes of a page-table entry
GUEST_LOADS, LOADS = (24, 15), (4, 3)  # of a walk in a guest and of one that is not, on small and on larger pages


@kernel
def page_size(m, at):
    """Size of the page that page-table word `at` is in: of a pool's, a transparent one's."""
    size = page_sizes(m)[at >> SIZE_SHIFT]
    return size if size or not thp_settings(m).enabled else huge_marks(m)[at >> SIZE_SHIFT]


@kernel
def _use(m, cpu, array, at):
    """The entry for word `at` becomes the first of its set in an array of the CPU; whether it was there."""
    a, entries, page = tlb_arrays(m)[array], tlb_entries(m), at >> tlb_arrays(m)[array].shift
    if a.sets == 0:
        return False
    wanted, first = (page << 2 | a.tag) + 1, a.first + page % a.sets * a.ways
    place = 0
    while place < a.ways and entries[cpu, first + place] != wanted:
        place += 1
    found = place < a.ways
    if not found:  # the first that is free, else the last
        place = 0
        while place < a.ways - 1 and entries[cpu, first + place] != 0:
            place += 1
    for i in range(place, 0, -1):
        entries[cpu, first + i] = entries[cpu, first + i - 1]
    entries[cpu, first] = wanted
    return found


@kernel
def look_up(m, cpu, at):
    """Translate page-table word `at`, which is present, on a CPU: where the translation was found."""
    size = page_size(m, at)
    if _use(m, cpu, size, at):
        return FIRST_LEVEL
    return SECOND_LEVEL if _use(m, cpu, LEVEL_2 + size, at) else WALK


@kernel
def _note_table(m, t, at, size):
    """The leaf table of word `at` counts in its task's footprint: a whole one, or one word above it."""
    seen, space = tables_seen(m), address_spaces(m)[t]
    before = seen[at >> SIZE_SHIFT]
    if before != size + 1:
        space.footprint += (PAGE if size == SMALL else WORD) - (PAGE if before == SMALL + 1 else WORD if before else 0)
        seen[at >> SIZE_SHIFT] = size + 1


@kernel
def walk(m, t, at, write):
    """Walk task `t`'s page table to word `at`; what it takes (ns)."""
    s, size = tlb_settings(m), page_size(m, at)
    _note_table(m, t, at, size)
    if write:
        tlb_count(m).dtlb_store_misses += 1
    else:
        tlb_count(m).dtlb_load_misses += 1
    cached = size or address_spaces(m)[t].footprint <= s.cache  # a word for each 2 MiB always fits
    ns, kind = s.page_walk if cached else s.page_walk_memory, min(size, HUGE)
    return ns * GUEST_LOADS[kind] // LOADS[kind] if s.guest else ns


@kernel
def translate(m, t, at, write):
    """What task `t`'s access to word `at` costs beyond the load (ns), and whether the page table was walked for it."""
    found = look_up(m, turn(m).cpu, at)
    if found == FIRST_LEVEL:
        return 0, False
    if found == SECOND_LEVEL:
        tlb_count(m).dtlb_l2_hits += 1
        return tlb_settings(m).dtlb_l2_hit, False
    return walk(m, t, at, write), True


@kernel
def try_again(m, t, at, write):
    """After a fault the access is tried again and walks, as translations of absent pages are not kept (ns)."""
    look_up(m, turn(m).cpu, at)
    return walk(m, t, at, write)


@kernel
def empty_tlb(m, cpu):
    """The CPU forgets all translations."""
    tlb_entries(m)[cpu, :] = 0


@kernel
def use_mm(m, t):
    """The running CPU turns to task `t`'s page table, which empties its TLB where there are no PCIDs (switch_mm)."""
    if loaded(m)[turn(m).cpu] != t + 1:
        if loaded(m)[turn(m).cpu] and not tlb_settings(m).pcid:
            empty_tlb(m, turn(m).cpu)
        loaded(m)[turn(m).cpu] = t + 1


@kernel
def _task_at(m, at):
    """The task whose page table has word `at`: their words follow each other."""
    low, high = 0, geometry(m).nr_tasks - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if tasks(m)[middle].pte_start <= at:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def invalidate(m, at):
    """Word `at` maps nothing any more: its translation goes, those of its task with the batch since 4.3."""
    entries = tlb_entries(m)
    for array in range(2 * LEVEL_2):
        a = tlb_arrays(m)[array]
        if a.sets == 0:
            continue
        page = at >> a.shift
        for cpu in range(geometry(m).nr_cpus):
            for place in range(a.first + page % a.sets * a.ways, a.first + (page % a.sets + 1) * a.ways):
                if entries[cpu, place] == (page << 2 | a.tag) + 1:
                    entries[cpu, place] = 0
    address_spaces(m)[_task_at(m, at)].stale = 1


@kernel
def flush_words(m, first, end):
    """Drop the translations of page-table words [first, end) on every CPU (flush_tlb_range)."""
    entries = tlb_entries(m)
    for cpu in range(entries.shape[0]):
        for place in range(entries.shape[1]):
            entry = entries[cpu, place] - 1
            shift = (entry & 3) * SIZE_SHIFT
            if entry >= 0 and (entry >> 2) << shift < end and (entry >> 2) + 1 << shift > first:
                entries[cpu, place] = 0
    tlb_count(m).tlb_flushes += 1


@kernel
def flush_mm(m, t):
    """Drop all translations of task `t`, on every CPU (flush_tlb_mm)."""
    flush_words(m, tasks(m)[t].pte_start, tasks(m)[t].pte_start + tasks(m)[t].npages)
    address_spaces(m)[t].stale = 0


@kernel
def flush_stale(m):
    """Whoever had pages unmapped in this batch loses all translations: one flush for them (arch_tlbbatch_flush)."""
    for t in range(geometry(m).nr_tasks):
        if address_spaces(m)[t].stale:
            if tlb_settings(m).tlb_batched:
                flush_mm(m, t)
            address_spaces(m)[t].stale = 0


@kernel
def forget_tables(m, t):
    """Task `t`'s page tables are gone with its process: no translation, no table to walk (exit_mmap)."""
    first = tasks(m)[t].pte_start >> SIZE_SHIFT
    for leaf in range(first, first + (tasks(m)[t].npages + 511 >> SIZE_SHIFT)):
        tables_seen(m)[leaf] = 0
    address_spaces(m)[t].footprint = address_spaces(m)[t].stale = 0
    flush_mm(m, t)
