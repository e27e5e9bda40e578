"""Buffers of calls: 2 KiB each, from the allocator, or when it has none from a pool of eight (rpc_malloc, mempool).

Two lie in a frame. A frame's `slot` counts those in use; frames of the pool stay.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, GFP_NOWAIT, MEMALLOC, NORETRY, NOWARN
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import EVERY_NODE
from mmrun.model.net.session.state import rqs, session_count, sessions

EACH = 2  # buffers in a frame (kmalloc-2048)
POOL = 8  # RPC_BUFFER_POOLSIZE
POOLED = NONE - 1  # RQ.buffer: of the pool


@kernel
def _new_frame(m, gfp):
    pfn = alloc_pages(m, gfp, 0, cpus(m)[turn(m).cpu].node, EVERY_NODE)
    if pfn != NONE:
        page = frames(m)[pfn]
        page.state, page.kind, page.slot, page.memcg = KERNEL, KERNEL_PAGE, 0, 0
    return pfn


@kernel
def mempool_create(m, s):
    """The pool takes its memory."""
    for _ in range(POOL // EACH):
        if _new_frame(m, GFP_KERNEL) != NONE:
            sessions(m)[s].spare += EACH


@kernel
def rpc_malloc(m, s, rq):
    """A buffer for a call; 0: there is no memory, and the pool is used up."""
    e, r = sessions(m)[s], rqs(m)[rq]
    pfn = e.half
    if pfn == NONE:
        pfn = _new_frame(m, GFP_NOWAIT | NOWARN | NORETRY | (MEMALLOC if e.tagged else 0))
    if pfn != NONE:
        frames(m)[pfn].slot += 1
        e.half = NONE if frames(m)[pfn].slot == EACH else pfn
        r.buffer = pfn
        return 1
    if e.spare == 0:
        session_count(m).rpc_delays += 1
        return 0
    e.spare -= 1
    r.buffer = POOLED
    return 1


@kernel
def rpc_free(m, s, rq):
    """The call is over: its buffer goes back (rpc_free)."""
    e, r = sessions(m)[s], rqs(m)[rq]
    if r.buffer == POOLED:
        e.spare += 1
    elif r.buffer != NONE:
        pfn = r.buffer
        frames(m)[pfn].slot -= 1
        if frames(m)[pfn].slot == 0:
            if e.half == pfn:
                e.half = NONE
            frames(m)[pfn].state = 0
            free_frame(m, turn(m).cpu, pfn)
        elif e.half == NONE:
            e.half = pfn
    r.buffer = NONE
