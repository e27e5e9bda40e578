"""Buffers of 2^order adjacent frames, kept under a number of the task's (alloc_pages, __free_pages)."""

from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.driver.events import EFFORT_SHIFT, MARK_SHIFT, NUMBER_BITS, ORDER_SHIFT, TYPE_SHIFT
from mmrun.model.mm.driver.state import (
    FAILED,
    LOGGED,
    buffer_results,
    buffers,
    driver_count,
    driver_log,
    drivers,
)
from mmrun.model.mm.page import gfp as bits
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, MOVABLE, RECLAIMABLE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, NORETRY, NOWARN, RETRY_MAYFAIL
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX, policy_node, policy_nodemask
from mmrun.model.mm.page.pageblock import DRIVER_MOVABLE
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames


@kernel
def buffer_row(m, t, number):
    """Row of task `t`'s buffer of that number."""
    if number >= drivers(m)[t].buffers:
        panic(m, BAD_EVENT, number)
        return drivers(m)[t].first
    return drivers(m)[t].first + number


@kernel
def note_result(m, t, number, pfn, pages, contig, began):
    """What became of a request for a buffer, which was made at time `began`."""
    log = driver_log(m)
    if log.results < LOGGED:
        r = buffer_results(m)[log.results]
        r.task, r.number, r.pfn, r.pages = t, number, FAILED if pfn == NONE else pfn, pages
        r.contig, r.ns = contig, m.now - began
    log.results += 1


@kernel
def _gfp(effort, mt):
    """Flags of a request: `effort` numbers events.EFFORTS."""
    gfp = NOWARN
    if effort <= 2:
        gfp |= GFP_KERNEL
        gfp |= NORETRY if effort == 1 else 0
        gfp |= RETRY_MAYFAIL if effort == 2 else 0
    elif effort == 3:
        gfp |= GFP_NOWAIT
    elif effort == 4:
        gfp |= GFP_ATOMIC
    elif effort == 6:
        gfp |= GFP_KERNEL & ~bits.KSWAPD_RECLAIM | NORETRY | bits.THISNODE
    if mt == MOVABLE:
        gfp |= bits.MOVABLE
    elif mt == RECLAIMABLE:
        gfp |= bits.RECLAIMABLE
    return gfp


@hook
def alloc_buffer(m, t, argument):
    """Task `t`'s driver asks for a buffer, from where the task's policy says; a number that is taken is a mistake."""
    number, order = argument & (1 << NUMBER_BITS) - 1, argument >> ORDER_SHIFT & 15
    mt, effort, began = argument >> TYPE_SHIFT & 3, argument >> EFFORT_SHIFT & 7, m.now
    b = buffers(m)[buffer_row(m, t, number)]
    if b.pfn:
        panic(m, BAD_EVENT, number)
        return OK
    pfn = alloc_pages(m, _gfp(effort, mt), order, policy_node(m, t, NO_INTERLEAVE_INDEX), policy_nodemask(m, t))
    note_result(m, t, number, pfn, 1 << order, 0, began)
    if pfn == NONE:
        driver_count(m).driver_alloc_fail += 1
    else:
        driver_count(m).driver_alloc_success += 1
        b.pfn, b.order, b.pages, b.contig = pfn + 1, order, 1 << order, 0
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
        if argument >> MARK_SHIFT & 1:
            page.state |= DRIVER_MOVABLE
        driver_count(m).driver_pages += 1 << order
    return OK


@hook
def free_buffer(m, t, argument):
    """Task `t`'s driver gives a buffer back, if it has one of that number."""
    b = buffers(m)[buffer_row(m, t, argument)]
    if b.pfn:
        free_pages(m, turn(m).cpu, b.pfn - 1, b.order)
        driver_count(m).driver_pages -= 1 << b.order
        driver_count(m).driver_free += 1
        b.pfn = b.pages = 0
    return OK
