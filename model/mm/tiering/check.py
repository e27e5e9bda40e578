"""What went down was migrated, was counted as reclaimed, and took no more time than its mover had."""

import numpy as np

from mmrun.model.core.accounting import DEMOTION
from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.migrate.state import MR_DEMOTION, migration_count
from mmrun.model.mm.numa_balancing.state import numa_count
from mmrun.model.mm.task.settings import RECLAIMS

DEMOTED = ("pgdemote_kswapd", "pgdemote_direct", "pgdemote_proactive")


def verify(built: Built, seen: np.ndarray) -> None:
    """Pages and times."""
    m, counts, tasks = built.memory.m, built.memory.table("node_count"), built.memory.table("task_count")
    demoted = sum(int(counts[name].sum()) for name in DEMOTED)
    if not (built.memory.table("actors")["doing"] & DEMOTION).any():
        moved = int(migration_count(m).by_reason[MR_DEMOTION])
        require(demoted == moved, lambda: f"{demoted} pages were demoted, {moved} migrated for that")
    promoted = int(counts["pgpromote_success"].sum())
    require(
        promoted <= numa_count(m).numa_pages_migrated,
        lambda: f"{promoted} pages promoted, fewer moved by hint faults",
    )
    for nid, row in enumerate(counts):
        require(row.demotion_ns <= row.kswapd_ns, lambda nid=nid: f"kswapd of node {nid} demoted longer than it worked")
        require(
            row.demoted_again <= sum(int(row[name]) for name in DEMOTED)
            and row.promoted_again <= numa_count(m).numa_pages_migrated,
            lambda nid=nid: f"more pages went to and fro on node {nid} than moved",
        )
    reclaimed = np.sum([tasks[name] for name in RECLAIMS], axis=0)
    require((tasks["stall_demotion_ns"] <= reclaimed).all(), lambda: "a task demoted for longer than it reclaimed")
