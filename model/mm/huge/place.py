"""Huge pages of a machine record: sizes, queues, how faults go about it."""

from collections.abc import Set

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.huge.deferred import shrink_deferred
from mmrun.model.mm.huge.migration import leave_deferred, split_isolated
from mmrun.model.mm.huge.settings import sizes_enabled, wanted_by
from mmrun.model.mm.huge.state import ALWAYS, DEFRAG, MADVISED, NEVER, folio_sizes, thp_settings
from mmrun.model.mm.huge.swapout import add_folio_to_swap
from mmrun.model.mm.huge.zap import put_folio, zap_folio
from mmrun.model.mm.page.state import MAX_ORDER

ENABLED = {"never": NEVER, "madvise": MADVISED, "always": ALWAYS}


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    groups = len(plan.groups)
    return {
        "huge_marks": plan.ptes // 512 + 1, "deferred_queues": max(groups, plan.nodes), "folio_sizes": MAX_ORDER,
        "nr_anon_thps": plan.nodes, "deferred_work": groups * plan.nodes,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What reclaim and unmapping ask of large folios; where there are none it need not be compiled."""
    asked = add_folio_to_swap, zap_folio, put_folio, shrink_deferred, split_isolated, leave_deferred
    return asked if wanted_by(plan.cell.vm) else ()


def changed(built: Built, names: Set[str]) -> None:
    """What faults may do for a huge page."""
    if "transparent_hugepage_defrag" in names:
        thp_settings(built.memory.m).defrag = DEFRAG.index(built.cell.vm.transparent_hugepage_defrag)


def place(built: Built) -> None:
    """Fill the rows of sizes and queues."""
    m, vm = built.memory.m, built.cell.vm
    for order, enabled in sizes_enabled(vm).items():
        folio_sizes(m)[order].enabled = ENABLED[enabled]
    thp_settings(m).enabled = int(wanted_by(vm))
    thp_settings(m).defrag = DEFRAG.index(vm.transparent_hugepage_defrag or "madvise")
    queues = built.memory.table("deferred_queues")
    queues["head"] = queues["tail"] = NONE
