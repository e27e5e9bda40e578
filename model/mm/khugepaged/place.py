"""khugepaged of a machine record: the daemon, where huge pages may be."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.huge.settings import sizes_enabled, wanted_by
from mmrun.model.mm.khugepaged.advice import madvise_collapse, madvise_huge, madvise_pageout
from mmrun.model.mm.khugepaged.khugepaged import khugepaged
from mmrun.model.mm.khugepaged.settings import RESULTS
from mmrun.model.mm.khugepaged.state import HUGE_PAGES, khugepaged_scan, khugepaged_settings


def _runs(plan: Plan) -> bool:
    """Whether the daemon runs: huge pages of 2 MiB are enabled somewhere."""
    return sizes_enabled(plan.cell.vm)[9] != "never"


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {
        "mm_slots": len(plan.tasks) * _runs(plan), "khugepaged_results": len(RESULTS),
        "collapsed_used": HUGE_PAGES * _runs(plan),
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """One daemon."""
    return {"khugepaged": 1} if _runs(plan) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The daemon, and what tasks advise."""
    return (khugepaged, madvise_huge, madvise_pageout, madvise_collapse) if wanted_by(plan.cell.vm) else ()


def place(built: Built) -> None:
    """No address space is known yet."""
    scan = khugepaged_scan(built.memory.m)
    scan.mm_slots.head = scan.mm_slots.tail = NONE
    khugepaged_settings(built.memory.m).on = int(_runs(built.plan))
