"""The address spaces that khugepaged goes round, in the order in which they joined (khugepaged_mm_slot)."""

from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.mm.khugepaged.state import khugepaged_count, khugepaged_scan, mm_slots
from mmrun.model.mm.task.state import tasks


@kernel
def exited(m, t):
    """Whether task `t`'s process is over (hpage_collapse_test_exit)."""
    task = tasks(m)[t]
    return task.state == KILLED or (task.state == DONE and not task.stays)


@kernel
def next_mm(m):
    """On to the next address space, or through; one whose process is over leaves (collect_mm_slot)."""
    scan = khugepaged_scan(m)
    t = scan.mm - 1
    after = mm_slots(m)[t].next
    scan.mm, scan.address = (0 if after == NONE else after + 1), 0
    if after == NONE:
        khugepaged_count(m).khugepaged_full_scans += 1
    if exited(m, t):
        unlink_row(mm_slots(m), scan.mm_slots, t)
        mm_slots(m)[t].entered = 0
