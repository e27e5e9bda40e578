"""Who may have huge pages is known to khugepaged, and waits while it holds the mmap lock for writing.

The lock is booked when khugepaged comes to it, like other locks here: a fault within that time waits for its end.
"""

from mmrun.model.core.accounting import MMAP, has_stalled
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.mm.khugepaged.state import khugepaged_scan, khugepaged_settings, mm_slots


@kernel
def khugepaged_enter(m, t):
    """Task `t`'s address space is one of those that khugepaged goes round; it wakes up for the first."""
    if khugepaged_settings(m).on and not mm_slots(m)[t].entered:
        first = khugepaged_scan(m).mm_slots.n == 0
        link_tail(mm_slots(m), khugepaged_scan(m).mm_slots, t)
        mm_slots(m)[t].entered = 1
        if first:
            wake(m, khugepaged_scan(m).wait, ALL, m.now)


@kernel
def mmap_read_lock(m, t):
    """A fault of task `t` waits for whoever has its mmap lock."""
    if khugepaged_settings(m).on and mm_slots(m)[t].locked_until > m.now:
        ns = mm_slots(m)[t].locked_until - m.now
        m.now += ns
        has_stalled(m, MMAP, ns)
