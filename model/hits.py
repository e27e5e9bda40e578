"""A task's events while its page table serves them: the path of nearly all accesses, compiled for what a cell needs."""

from mmrun.model.core.events import OP_SHIFT, WRITE
from mmrun.model.core.jit import kernel
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


def _hit_path(watched: bool, cached: bool, marked: bool):
    """The kernel below, four times: `watched` also notes when each frame was touched, for the truth about idle pages.

    `cached`: through a TLB, whose entries let accesses go by without marking the page-table word. `marked`: the entry
    for its leaf table becomes young too, of which only generations take note.
    """

    @kernel
    def hits(m, t, until, limit):
        """Run task `t`'s events up to buffer position `limit` while its page table serves them, until time `until`."""
        task, table, events, where, entries = tasks(m)[t], pte(m), stream(m), section(m), tlb(m)
        node, now, pos, base, think = nodes(m)[task.node], m.now, task.pos, t * run_settings(m).chunk, task.think
        upper, marks = leaf_young(m), marked or ((watched or cached) and lru_settings(m).lru_gen != 0)
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
            wanted = word | PTE_YOUNG | (PTE_DIRTY if op else 0)
            if marks and not (cached and entries[at]):
                upper[at >> TABLE_SHIFT] = 1
            if cached:
                if entries[at] and not (op and not word & PTE_DIRTY):
                    wanted = word
                entries[at] = 1
            if wanted != word:
                table[at] = wanted
            pfn = (word >> PTE_SHIFT) & PTE_FRAME
            if watched or (cached and watch(m).idle_tracking):
                last_touch(m)[pfn] = stamp(now)
            nid = where[pfn >> geometry(m).section_shift]
            task.touched[nid] += 1
            now += node.cost[nid] + think
            pos += 1
        done = pos - task.pos
        task.pos = pos
        task_count(m)[t].accesses += done
        task_count(m)[t].hit_ns += now - m.now - done * think
        task_count(m)[t].think_ns += done * think
        progress(m).accesses += done
        m.now = now

    return hits


hits, hits_marked = _hit_path(False, False, False), _hit_path(False, False, True)
hits_watched, hits_cached = _hit_path(True, False, False), _hit_path(False, True, False)
