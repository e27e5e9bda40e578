"""A TLB holds what is mapped, each translation once, in the set it belongs to."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.task.state import PTE_PRESENT
from mmrun.model.mm.tlb.state import SIZE_SHIFT, address_spaces, tlb_arrays, tlb_entries, tlb_settings
from mmrun.model.units import PAGE


def verify(built: Built, seen: np.ndarray) -> None:
    """Entries, and the footprint of page tables."""
    m = built.memory.m
    if tlb_settings(m).translates:
        for cpu in range(len(tlb_entries(m))):
            _entries(built, cpu)
        _footprints(built)


def _entries(built: Built, cpu: int) -> None:
    m, words, held = built.memory.m, built.memory.table("pte"), 0
    own = built.memory.table("tlb_entries")[cpu]
    for first, sets, ways in {(int(a.first), int(a.sets), int(a.ways)) for a in tlb_arrays(m) if a.sets}:
        tags = own[first : first + sets * ways].reshape(sets, ways)
        held += tags.size
        for number, row in enumerate(tags):
            used = row[row != 0] - 1
            require(len(np.unique(used)) == len(used), lambda cpu=cpu: f"CPU {cpu}'s TLB holds a translation twice")
            require(((used >> 2) % sets == number).all(), lambda cpu=cpu: f"CPU {cpu}'s TLB has an entry out of place")
            small = (used >> 2)[used & 3 == 0]
            require(
                (words[small] & PTE_PRESENT != 0).all(),
                lambda cpu=cpu: f"CPU {cpu}'s TLB translates what is not mapped",
            )
    require(held == len(own), lambda: "entries of a TLB belong to no array")


def _footprints(built: Built) -> None:
    m, seen = built.memory.m, built.memory.table("tables_seen")
    for t, task in enumerate(built.memory.table("tasks")):
        first = int(task["pte_start"]) >> SIZE_SHIFT
        own = seen[first : first + -(-int(task["npages"]) // 512)]
        expected = PAGE * int((own == 1).sum()) + 8 * int((own > 1).sum())
        require(expected == address_spaces(m)[t].footprint, lambda t=t: f"task {built.tasks[t]}: tables miscounted")
