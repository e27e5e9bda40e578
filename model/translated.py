"""A task's events while its page table serves them, each address translated by a TLB of finite reach.

The counterpart of the engine's `hits`, for machines that describe their TLB. A page is marked accessed when its
translation is walked for, and dirty by the first store through it: what is cached marks nothing.
"""

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
)
from mmrun.model.mm.tlb.translate import empty_tlb, translate, use_mm


@kernel
def hits_translated(m, t, until, limit):
    """Run task `t`'s events up to buffer position `limit` while its page table serves them, until time `until`."""
    task, table, events, where = tasks(m)[t], pte(m), stream(m), section(m)
    node, now, pos, base, think = nodes(m)[task.node], m.now, task.pos, t * run_settings(m).chunk, task.think
    upper, marks, walked = leaf_young(m), lru_settings(m).lru_gen != 0, 0
    use_mm(m, t)
    if run_settings(m).tlb_flush and now >= task.tlb_until:
        task.tlb_until = now + run_settings(m).tlb_flush
        empty_tlb(m, turn(m).cpu)
    while pos < limit and now < until:
        event = events[base + pos]
        op = event >> OP_SHIFT
        if op > WRITE:
            break
        at = task.pte_start + ((event << 64 - OP_SHIFT) >> 64 - OP_SHIFT)
        word = table[at]
        if not word & PTE_PRESENT or (op and word < 0):
            break
        ns, looked_up = translate(m, t, at, op)
        if looked_up or (op and not word & PTE_DIRTY):
            table[at] = word | PTE_YOUNG | (PTE_DIRTY if op else 0)
            if marks:
                upper[at >> TABLE_SHIFT] = 1
        pfn = (word >> PTE_SHIFT) & PTE_FRAME
        if watch(m).idle_tracking:
            last_touch(m)[pfn] = stamp(now)
        nid = where[pfn >> geometry(m).section_shift]
        task.touched[nid] += 1
        walked += ns
        now += node.cost[nid] + think + ns
        pos += 1
    done = pos - task.pos
    task.pos = pos
    task_count(m)[t].accesses += done
    task_count(m)[t].walk_ns += walked
    task_count(m)[t].hit_ns += now - m.now - done * think - walked
    task_count(m)[t].think_ns += done * think
    progress(m).accesses += done
    m.now = now
