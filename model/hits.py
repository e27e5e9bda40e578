"""A task's events while its page table serves them: the path of nearly all accesses, compiled for what a cell needs."""

from mmrun.model.core.events import OP_SHIFT, WRITE
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes, progress, run_settings, section, task_count
from mmrun.model.mm.generations.state import TABLE_SHIFT, leaf_young
from mmrun.model.mm.idle.state import last_touch, watch
from mmrun.model.mm.idle.truth import stamp
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.task.state import (
    PTE_DIRTY,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_YOUNG,
    pte,
    stream,
    tasks,
    tlb,
)
from mmrun.model.mm.tlb.translate import empty_tlb, translate, use_mm


@kernel
def begin_translating(m, t):
    """The CPU turns to task `t`'s page table; other address spaces since its last turn may have left nothing of it."""
    task = tasks(m)[t]
    use_mm(m, t)
    if run_settings(m).tlb_flush and m.now >= task.tlb_until:
        task.tlb_until = m.now + run_settings(m).tlb_flush
        empty_tlb(m, turn(m).cpu)


def _hit_path(watched: bool = False, cached: bool = False, marked: bool = False, translated: bool = False):
    """The kernel below for a kind of cell. `watched` notes when each frame was touched, for the truth about idle pages.

    `cached`: through a TLB, whose entries let accesses go by without marking the page-table word. `translated`: through
    one of finite reach, for machines that describe theirs; a page is marked accessed when its translation is walked
    for, and dirty by the first store through it. `marked`: the entry for its leaf table becomes young too, of which
    only generations take note.
    """
    may_watch, may_mark = cached or translated, watched or cached or translated

    @kernel
    def hits(m, t, until, limit):
        """Run task `t`'s events up to buffer position `limit` while its page table serves them, until time `until`."""
        task, table, events, where, entries = tasks(m)[t], pte(m), stream(m), section(m), tlb(m)
        node, now, pos, base, think = nodes(m)[task.node], m.now, task.pos, t * run_settings(m).chunk, task.think
        upper, marks, walked = leaf_young(m), marked or (may_mark and lru_settings(m).lru_gen != 0), 0
        if translated:
            begin_translating(m, t)
        while pos < limit and now < until:
            event = events[base + pos]
            op = event >> OP_SHIFT
            if op > WRITE:
                break
            # Shifts, not ARG_MASK: as compiled for x86, the mask makes every look-up wait for the one before.
            at = task.pte_start + ((event << 64 - OP_SHIFT) >> 64 - OP_SHIFT)
            word = table[at]
            if not word & PTE_PRESENT or (op and word < 0):
                break
            wanted, seen = word | PTE_YOUNG | (PTE_DIRTY if op else 0), True  # seen: by whoever walks the tables
            first_store = op != 0 and word & PTE_DIRTY == 0
            if translated:
                ns, looked_up = translate(m, t, at, op)
                walked += ns
                seen = looked_up or first_store
                wanted = wanted if seen else word
            elif cached:
                seen = entries[at] == 0
                wanted = wanted if seen or first_store else word
                entries[at] = 1
            if marks and seen:
                upper[at >> TABLE_SHIFT] = 1
            if wanted != word:
                table[at] = wanted
            pfn = (word >> PTE_SHIFT) & PTE_FRAME
            if watched or (may_watch and watch(m).idle_tracking):
                last_touch(m)[pfn] = stamp(now)
            nid = where[pfn >> geometry(m).section_shift]
            task.touched[nid] += 1
            now += node.cost[nid] + think
            if translated:
                now += ns
            pos += 1
        done = pos - task.pos
        task.pos = pos
        task_count(m)[t].accesses += done
        if translated:
            task_count(m)[t].walk_ns += walked
        task_count(m)[t].hit_ns += now - m.now - done * think - walked
        task_count(m)[t].think_ns += done * think
        progress(m).accesses += done
        m.now = now

    return hits


hits, hits_marked, hits_watched = _hit_path(), _hit_path(marked=True), _hit_path(watched=True)
hits_cached, hits_translated = _hit_path(cached=True), _hit_path(translated=True)
