"""How kernels are written: the decorators, the hook table, and the big tables.

No allocation and no reference counting inside kernels. Nothing here compiles, or imports numba: what is decorated is
noted, and `model.library` finds or makes its machine code when it is first needed. A hook is a C function pointer
kept in the machine record, like a member of a kernel `*_operations` struct: swapping a policy changes an address and
recompiles nothing. Exceptions do not cross such a call: an exception in a hook stops the machine at the engine's next
step and is raised where Python called; kernels report broken invariants through `panic`.
"""

import ctypes
import importlib
import os
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from model.layout import BIG, MACHINE, MAX_HOOKS

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
"""Whether kernels are plain Python: numba's own switch, under which numbers stay the same."""


class Kernel:
    """A function that is compiled when something needs it: Python that calls it, or another kernel."""

    def __init__(self, fn: Callable[..., object]) -> None:
        self.fn = self.__wrapped__ = fn
        self.memo: dict[str, Any] = {}  # what the library has found out about it
        self.__name__, self.__qualname__, self.__module__ = fn.__name__, fn.__qualname__, fn.__module__
        self.__doc__ = fn.__doc__

    def __call__(self, *args: Any) -> Any:
        """Call it from Python."""
        from model.library import calls

        return calls.call(self, args)

    @property
    def _numba_type_(self) -> Any:
        """What a kernel that calls it sees."""
        from model.library import frontend

        return frontend.type_of_kernel(self)


def kernel(fn: Callable[..., object]) -> Callable[..., Any]:
    """Compile `fn(m, ...)` when Python calls it or something that calls it is compiled."""
    return fn if INTERPRETED else Kernel(fn)


# The hook table: name -> number of integer arguments after the machine. Every hook answers with an integer.
HOOKS = {
    # core: bound once, called through the table so that numba compiles each of them once and not into every caller
    "shrink_inactive": 4,  # (sc, lruvec, list, pages to scan): pages reclaimed
    "shrink_active": 4,  # (sc, lruvec, list, pages to scan): 0
    "shrink_batch": 1,  # (sc): pages freed of those isolated in sc.batch
    "charged_frame": 1,  # (task): a frame, or NONE
    "kernel_frame": 1,  # (task): a frame, or NONE
    "access": 4,  # (task, region, page, operation): OK or OUT_OF_MEMORY
    "finish_writes": 0,  # (): pages whose writes have ended by now
    "soft_limit_reclaim": 3,  # (node, zone, for kswapd): pages reclaimed from groups over their soft limits
    "slab_frame": 2,  # (task, group to charge, NO_GROUP for none): a frame for slab objects, or NONE
    "slab_access": 4,  # (task, region, object, operation): OK or OUT_OF_MEMORY
    # axis lru; the first four have defaults for lruvecs with an active and an inactive list
    "lruvec_begin": 1,  # (sc): start on sc.lruvec; 1 = there is something to do
    "lruvec_round": 1,  # (sc): one bounded piece of work on it, adding to sc.round_reclaimed; 1 = there is more
    "lruvec_end": 1,  # (sc): done with it for this pass
    "page_referenced": 2,  # (frame, sc): young words that map it, cleared; plus 1 << 16 for an executable mapping
    "new_anon_active": 0,  # 1 = a fresh anonymous page starts on the active list
    "prepare_scan": 1,  # (sc): what may be deactivated, cache_trim and costs, before a node or zone is shrunk
    "scan_count": 1,  # (sc): how much of each list to scan, into sc.nr
    "after_round": 1,  # (sc): 1 = enough, stop shrinking this lruvec
    "age_anon": 1,  # (sc): 1 = shrink one batch of active anon after the lruvec
    "may_shrink_active": 2,  # (sc, file): 1 = the active list may be scanned
    "check_references": 3,  # (frame, young page-table words, executable mapping): RECLAIM .. ACTIVATE
    "note_inactive": 5,  # (lruvec, file, scanned, reclaimed, paged out): after a batch from an inactive list
    "note_active": 4,  # (lruvec, file, young, rotated): after a batch from an active list
    "refault": 2,  # (frame, shadow): a page comes back that was evicted before
    "evict": 2,  # (frame, sc): the shadow to leave behind, 0 = none
    "age_nonresident": 1,  # (lruvec): a page was activated
    "end_reclaim": 1,  # (sc): a direct or memcg reclaim call ends
    # axis kswapd
    "kswapd_step": 1,  # (node): the next bounded piece of work
    "kswapd_needed": 2,  # (zone, highest zone index): 1 = an allocation that left the zone low should wake the daemon
    # axis direct_reclaim
    "direct_reclaim": 3,  # (node, highest zone index, task): pages reclaimed
    "retry_zone": 2,  # (node, fruitless rounds): zone + 1 for whose sake an allocation tries again, 0: out of memory
    "memcg_reclaim": 4,  # (memcg, pages wanted, swappiness or -1, 1 = user space asks): pages reclaimed
    # axis reclaim_writeback
    "pageout_file": 2,  # (frame, sc): what reclaim does with a dirty file page: KEEP or ACTIVATE
    "meet_writeback": 2,  # (frame, sc): and with one that is being written: KEEP, ACTIVATE, or RECLAIM_PAGE: waited for
    "all_dirty": 1,  # (sc): every page of a batch was dirty and none was being written
    # axis reclaim_throttle: sleeps, which may leave `clock.blocked_until` set; 0
    "throttle_batch": 1,  # (sc): after a batch from an inactive list
    "throttle_node": 1,  # (sc): after the lruvecs of a node (or zone) were shrunk at one priority
    "throttle_pass": 2,  # (sc, zone the caller prefers): after a direct reclaimer's pass at one priority
    "throttle_kswapd": 1,  # (node): between two passes of kswapd in trouble
    "throttle_retry": 2,  # (zone, fruitless rounds): before an allocation tries again
    # axis memcg
    "first_group": 1,  # (sc): the group whose lruvec is shrunk first, -1 = none
    "next_group": 2,  # (sc, group): the one after it, -1 = the walk is over
    "may_shrink": 2,  # (sc, group): 0 = it is protected, pass it over; how much of it is protected into sc.protection
    "over_high": 2,  # (task, 1 = still inside the kernel): what follows from charges beyond memory.high; 0
    "limit_reclaim": 2,  # (memcg, pages wanted): pages reclaimed because a charge found the group at its limit
    # axis dirty_throttling
    "balance_dirty_pages_ratelimited": 1,  # (task): it dirtied a page of task.balance_wb; until when it sleeps, or 0
    "balance_dirty_pages": 1,  # (task): its sleep in dirty throttling is over; until when it sleeps again, or 0
    "update_bandwidth": 2,  # (wb, jiffy the flusher's work began): some was submitted; 0
    # axis dirty_limits
    "dirty_ok": 1,  # (zone): 1 = dirty pages are within its limit, a page for write() may come from it
    # axis shrinker
    "shrink_slab": 2,  # (sc, group): objects freed, after the group's lruvec on the node (or zone) was shrunk
    "shrink_slab_pass": 1,  # (sc): the same, after one priority: of a task's zonelist, of kswapd's zone or node
    # axis idle
    "idle_step": 1,  # (scanner): the next bounded piece of work, time passing on clock.now; when to go on (ns)
    # axis proactive
    "proactive_step": 1,  # (controller): the same for a controller in user space
    # axis swap_readahead
    "swap_window": 3,  # (region, page, slot): pages to read around a swap-in, itself included
}
HOOK_INDEX = {name: index for index, name in enumerate(HOOKS)}
assert len(HOOKS) <= MAX_HOOKS
_python_hooks: dict[int, Callable[..., int]] = {}


class Hook:
    """A function that can stand in the hook table; compiled when its address is first asked for."""

    def __init__(self, fn: Callable[..., int]) -> None:
        self.fn, self.name = fn, fn.__name__
        self.memo: dict[str, Any] = {}

    @cached_property
    def _compiled(self) -> int:
        from model.library import calls

        return calls.address(self)

    @property
    def address(self) -> int:
        """What the hook table holds for it."""
        if INTERPRETED:
            _python_hooks[id(self.fn)] = self.fn
            return id(self.fn)
        return self._compiled


def hook(fn: Callable[..., int]) -> Hook:
    """Mark `fn(m, ...)` as an implementation of the hook of the same name; KeyError if there is no such hook."""
    if fn.__name__ not in HOOKS:
        raise KeyError(f"{fn.__name__} is not a hook: {', '.join(HOOKS)}")
    return Hook(fn)


def bind(record: np.recarray, implementation: Hook) -> None:
    """Enter a hook in the table of the machine in `record`."""
    record.hooks[0, HOOK_INDEX[implementation.name]] = implementation.address


class Intrinsic:
    """A function of kernels written in LLVM's terms: numba's intrinsic `name` in `module`, imported when compiling."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    @property
    def _numba_type_(self) -> Any:
        from model.library import intrinsics

        return intrinsics.type_of(getattr(importlib.import_module(self.module), self.name))


def intrinsic(module: str, name: str, interpreted: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's intrinsic `name` in `module`; `interpreted` takes its place where kernels are plain Python."""
    found: Any = interpreted if INTERPRETED else Intrinsic(module, name)
    return found


def offset_of(*path: str) -> int:
    """Bytes from the start of the machine record to the field at `path`."""
    offset, dtype = 0, MACHINE
    for name in path:
        assert dtype.fields is not None
        dtype, shift = dtype.fields[name][:2]
        offset += shift
    return offset


class Caller:
    """The kernel-side function that calls a hook through the machine's table."""

    def __init__(self, name: str) -> None:
        self.name, self.arity = name, HOOKS[name]
        self.offset = offset_of("hooks") + 8 * HOOK_INDEX[name]

    @property
    def _numba_type_(self) -> Any:
        from model.library import intrinsics

        return intrinsics.type_of_caller(self.name, self.offset, self.arity)


def caller(name: str) -> Callable[..., Any]:
    """The kernel-side function `name(m, ...)` that calls the hook through the machine's table."""

    def call_python(m, *args):
        return _python_hooks[int(m.hooks[HOOK_INDEX[name]])](m, *args)

    found: Any = call_python if INTERPRETED else Caller(name)
    return found


class Accessor:
    """The kernel-side function `table(m)` of a big table: its element type, and where its address and size stand."""

    def __init__(self, name: str) -> None:
        self.name, self.dtype = name, BIG[name]
        self.address, self.rows = offset_of("table", name), offset_of("rows", name)

    @property
    def _numba_type_(self) -> Any:
        from model.library import intrinsics

        return intrinsics.type_of_accessor(self.name, self.dtype, self.address, self.rows)


def accessor(name: str) -> Callable[..., Any]:
    """The function `table(m)` that gives the big table `name` as an array inside kernels."""
    dtype = BIG[name]

    @lru_cache(16)
    def at(address, rows):
        buffer = (ctypes.c_ubyte * (rows * dtype.itemsize)).from_address(address)
        raw = np.frombuffer(buffer, dtype=dtype)
        return raw.view(np.recarray) if dtype.names else raw

    found: Any = (lambda m: at(int(m.table[name]), int(m.rows[name]))) if INTERPRETED else Accessor(name)
    return found


frames = accessor("frames")
pte = accessor("pte")
cache = accessor("cache")
swapcache = accessor("swapcache")
swapmap = accessor("swapmap")
stream = accessor("stream")
missed = accessor("missed")
section = accessor("section")
ptpage = accessor("ptpage")
xanode = accessor("xanode")
on_disk = accessor("on_disk")
io_heap = accessor("io")
requests = accessor("requests")
lruvecs = accessor("lruvecs")
memcgs = accessor("memcgs")
tasks = accessor("tasks")
regions = accessor("regions")
files = accessor("files")
servers = accessor("servers")
stat_pending = accessor("stat_pending")
actors = accessor("actors")
sleepers = accessor("sleepers")
idle_age = accessor("idle_age")
last_touch = accessor("last_touch")
idle_stats = accessor("idle_stats")
iters = accessor("iters")
lrugens = accessor("lrugens")
bloom = accessor("bloom")
damon_regions = accessor("damon_regions")
page_cgroup = accessor("page_cgroup")
soft_nodes = accessor("soft_nodes")
page_events = accessor("page_events")
objects = accessor("objects")
spaces = accessor("spaces")
slab_caches = accessor("slab_caches")
slab_unused = accessor("slab_unused")
slab_partial = accessor("slab_partial")
shrinkers = accessor("shrinkers")
deferred = accessor("deferred")
slot_used = accessor("slot_used")
tried = accessor("tried")
far = accessor("far")
stalled_before = accessor("stalled_before")
dirty_tags = accessor("dirty_tags")
waiting = accessor("waiting")
batches = accessor("batches")
wbs = accessor("wbs")
wb_domains = accessor("wb_domains")
latencies = accessor("latencies")
tlb = accessor("tlb")
