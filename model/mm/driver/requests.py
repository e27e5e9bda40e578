"""What programs ask of their own memory: to let it go, to hold it in place; and to be woken later.

In the kernel: madvise_dontneed_single_vma, pin_user_pages, unpin_user_pages, clock_nanosleep.
"""

from mmrun.model.core.accounting import ASIDE, FAULT, begins, ends
from mmrun.model.core.codes import BAD_EVENT, OK, OUT_OF_MEMORY
from mmrun.model.core.events import WRITE
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.sleep import sleep_until
from mmrun.model.mm.driver.events import COUNT_SHIFT
from mmrun.model.mm.driver.state import driver_count, drivers, pinned
from mmrun.model.mm.limits.exit import free_orphan, zap_pte_range
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.migrate.gup import pin_pages, unpin_page
from mmrun.model.mm.migrate.state import EFAULT, ENOENT
from mmrun.model.mm.task.state import PTE_PRESENT, REGION_ANON, REGION_MMAP, pte, regions, tasks

access = caller("access")


@kernel
def region_of(m, t, page):
    """The region of task `t` that holds page `page`."""
    region = tasks(m)[t].first_region
    while page >= regions(m)[region].first + regions(m)[region].npages:
        region += 1
        if region >= tasks(m)[t].first_region + tasks(m)[t].nr_regions:
            panic(m, BAD_EVENT, page)
            return region - 1
    return region


@kernel
def _first_and_last(argument):
    """First page of a range, and the page behind it."""
    first = argument & (1 << COUNT_SHIFT) - 1
    return first, first + (argument >> COUNT_SHIFT) + 1


@hook
def dontneed(m, t, argument):
    """MADV_DONTNEED of a range, which may reach over several regions."""
    page, end = _first_and_last(argument)
    lru_add_drain_all(m)
    while page < end and m.broken == 0:
        region = region_of(m, t, page)
        r = regions(m)[region]
        upto = min(end, r.first + r.npages)
        zap_pte_range(m, region, r.start + page - r.first, r.start + upto - r.first)
        page = upto
    return OK


@kernel
def fault_in(m, t, page):
    """Bring page `page` of task `t` in, for writing; False when out of memory (faultin_page)."""
    region = region_of(m, t, page)
    if regions(m)[region].kind not in (REGION_ANON, REGION_MMAP):
        panic(m, BAD_EVENT, page)
    return m.broken == 0 and access(m, t, region, page, WRITE) != OUT_OF_MEMORY


@kernel
def pin_range(m, t, page, end, longterm):
    """Pin pages [page, end) of task `t`, those that are not yet; False when out of memory.

    A page that could not be moved to where it may be pinned for long stays unpinned, and is counted.
    """
    while page < end:
        at = tasks(m)[t].pte_start + page
        if not pinned(m)[at]:
            word = pte(m)[at]
            if (not word & PTE_PRESENT or word < 0) and not fault_in(m, t, page):
                return False
            pfn = pin_pages(m, t, page, longterm)
            if pfn == -ENOENT or pfn == -EFAULT:
                continue  # it has gone again meanwhile
            if pfn >= 0:
                pinned(m)[at] = pfn + 1
                drivers(m)[t].pinned += 1
                driver_count(m).nr_foll_pin_acquired += 1
            else:
                driver_count(m).pin_failed += 1
        page += 1
    return True


@hook
def pin(m, t, argument):
    """Pin a range for a moment, wherever its pages are: as vmsplice and O_DIRECT do."""
    page, end = _first_and_last(argument)
    return OK if pin_range(m, t, page, end, False) else OUT_OF_MEMORY


@hook
def pin_longterm(m, t, argument):
    """Pin a range for long (FOLL_LONGTERM): pages that must stay movable are moved out of the way first."""
    page, end = _first_and_last(argument)
    return OK if pin_range(m, t, page, end, True) else OUT_OF_MEMORY


@kernel
def unpin_pages(m, t, at, end):
    """Let go of what was pinned through page-table words [at, end); a page that nobody maps any more is freed."""
    while at < end:
        pfn = pinned(m)[at] - 1
        if pfn >= 0:
            pinned(m)[at] = 0
            unpin_page(m, pfn)
            drivers(m)[t].pinned -= 1
            driver_count(m).nr_foll_pin_released += 1
            free_orphan(m, pfn)
        at += 1


@hook
def unpin(m, t, argument):
    """Let go of what is pinned of a range."""
    page, end = _first_and_last(argument)
    unpin_pages(m, t, tasks(m)[t].pte_start + page, tasks(m)[t].pte_start + end)
    return OK


@hook
def release_pins(m, t):
    """The task's process ends: whoever pinned its pages for it lets go."""
    if drivers(m)[t].pinned:
        unpin_pages(m, t, tasks(m)[t].pte_start, tasks(m)[t].pte_start + tasks(m)[t].npages)
    return 0


@hook
def sleep_until_ns(m, t, argument):
    """The task sleeps until `argument` ns after its start; the time counts as its own."""
    at = drivers(m)[t].began + argument
    if at > m.now:
        ends(m, FAULT)
        begins(m, ASIDE)
        sleep_until(m, at)
        ends(m, ASIDE)
        begins(m, FAULT)
    driver_count(m).driver_late_ns += m.now - at
    return OK
