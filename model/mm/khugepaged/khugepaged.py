"""The daemon: so many pages each time it wakes, then it sleeps (khugepaged, khugepaged_do_scan)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import FOREVER, cond_resched, sleep_until, wait
from mmrun.model.mm.huge.fault import size_enabled
from mmrun.model.mm.huge.state import HUGE_ORDER, HUGE_PAGES
from mmrun.model.mm.khugepaged.collapse import collapse
from mmrun.model.mm.khugepaged.mm_slot import exited, next_mm
from mmrun.model.mm.khugepaged.scan import ALLOC_FAIL, SUCCEED, count_result, scan_range
from mmrun.model.mm.khugepaged.state import khugepaged_count, khugepaged_scan, khugepaged_settings
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.task.state import REGION_ANON, regions, tasks
from mmrun.model.units import MS


@kernel
def may_collapse(m, region):
    """Whether the mapping may have huge pages (thp_vma_allowable_order)."""
    return regions(m)[region].kind == REGION_ANON and size_enabled(m, region, HUGE_ORDER)


@kernel
def _one_range(m, t, region, first):
    """Scan a range and collapse it if it is fit: (what became of it, whether the lock was dropped for that)."""
    result = scan_range(m, first, True)
    fit = result == SUCCEED
    if fit:
        result = collapse(m, t, region, first, True)
    count_result(m, result)
    khugepaged_count(m).khugepaged_pages_collapsed += result == SUCCEED
    return result, fit


@kernel
def _scan_region(m, t, region, pages, progress):
    """Go on within a mapping: (pages gone over so far, what became of the last range, 1: that is all for now)."""
    r, scan, result = regions(m)[region], khugepaged_scan(m), SUCCEED
    scan.address = max(scan.address, -(-r.start // HUGE_PAGES) * HUGE_PAGES)
    end = (r.start + r.npages) // HUGE_PAGES * HUGE_PAGES
    while scan.address < end:
        cond_resched(m)
        if exited(m, t):
            return progress, result, 0
        result, dropped = _one_range(m, t, region, scan.address)
        scan.address += HUGE_PAGES
        progress += HUGE_PAGES
        if dropped or progress >= pages:
            return progress, result, 1
    return progress, result, 0


@kernel
def scan_mm_slot(m, pages):
    """Go over an address space, `pages` at most: (pages gone over, what became of the last range).

    A mapping that may not have huge pages counts as a page, and so does the space itself. In the kernel:
    khugepaged_scan_mm_slot.
    """
    scan, progress, result = khugepaged_scan(m), 1, SUCCEED
    if scan.mm == 0:
        scan.mm, scan.address = scan.mm_slots.head + 1, 0
    t = scan.mm - 1
    for region in range(tasks(m)[t].first_region, tasks(m)[t].first_region + tasks(m)[t].nr_regions):
        end = regions(m)[region].start + regions(m)[region].npages
        if exited(m, t) or end <= scan.address:
            continue
        if not may_collapse(m, region) or scan.address > end // HUGE_PAGES * HUGE_PAGES:
            progress += 1
            continue
        progress, result, enough = _scan_region(m, t, region, pages, progress)
        if enough:
            return progress, result
    next_mm(m)
    return progress, result


@kernel
def do_scan(m):
    """Go over khugepaged/pages_to_scan pages; it comes round the list once at most (khugepaged_do_scan).

    Where there was no huge page to be had it sleeps, a second time it leaves it at that.
    """
    s, scan = khugepaged_settings(m), khugepaged_scan(m)
    progress, passes, patient = 0, 0, True
    lru_add_drain_all(m)
    while progress < s.khugepaged_pages_to_scan:
        cond_resched(m)
        passes += scan.mm == 0
        if scan.mm_slots.n == 0 or passes > 1:
            break
        got, result = scan_mm_slot(m, s.khugepaged_pages_to_scan - progress)
        progress += got
        if result == ALLOC_FAIL and progress < s.khugepaged_pages_to_scan:
            if not patient:
                break
            patient = False
            sleep_until(m, m.now + s.khugepaged_alloc_sleep_millisecs * MS)


@actor(per="khugepaged")
def khugepaged(m, number):
    """Goes round address spaces, for ever."""
    while True:
        do_scan(m)
        if khugepaged_scan(m).mm_slots.n:
            sleep_until(m, m.now + khugepaged_settings(m).khugepaged_scan_sleep_millisecs * MS)
        else:
            wait(m, khugepaged_scan(m).wait, FOREVER)
    return 0
