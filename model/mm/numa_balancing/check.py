"""Every hint entry was made by a scan, and every one that is used is counted."""

import numpy as np

from mmrun.model.core.accounting import HINT
from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.migrate.state import MR_NUMA_MISPLACED, migration_count
from mmrun.model.mm.numa_balancing.state import numa_count
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS


def verify(built: Built, seen: np.ndarray) -> None:
    """Words, faults, pages moved."""
    count = numa_count(built.memory.m)
    hints = int((built.memory.table("pte") & PTE_FLAGS == PTE_DIRTY).sum())
    faults, updates = int(count.numa_hint_faults), int(count.numa_pte_updates)
    faulting = int(((built.memory.table("actors")["doing"] & HINT) != 0).sum())  # their words are still marked
    require(
        hints + faults - faulting <= updates,
        lambda: f"{updates} words were made to fault, {faults} have, {hints} are still to",
    )
    require(count.numa_hint_faults_local <= faults, lambda: "more hint faults were local than there were")
    if faulting == 0:
        moved = int(migration_count(built.memory.m).by_reason[MR_NUMA_MISPLACED])
        require(
            moved == count.numa_pages_migrated,
            lambda: f"hint faults moved {count.numa_pages_migrated} pages, {moved} were migrated for them",
        )
