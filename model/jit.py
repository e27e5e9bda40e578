"""How kernels are compiled, how they reach the big tables, how they call policy hooks.

No allocation and no reference counting inside kernels; every kernel is cached under the stamp of its import closure
(`model.cache`). A hook is a C function pointer kept in the machine record, like a member of a kernel `*_operations`
struct: swapping a policy changes an address and recompiles nothing. Exceptions do not cross such a call: one in a hook
stops the machine at the engine's next step (`model.guard`), as `panic` does where an invariant is broken.
"""

import ctypes
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from model.guard import compiled, field_address, functions, interpreted
from model.hooks import HOOK_INDEX, HOOKS
from model.layout import BIG, MACHINE
from model.lean import Kernel, callback, name_type, short_names

short_names()
M = name_type(from_dtype(MACHINE), "M")


def kernel(fn: Callable[..., object]) -> Callable[..., Any]:
    """Compile `fn(m, ...)` when it is first called or another kernel that calls it is compiled."""
    return fn if config.DISABLE_JIT else Kernel(fn)


_python_hooks: dict[int, Callable[..., int]] = {}
_python_hooks: dict[int, Callable[..., int]] = {}


class Hook:
    """A function that can stand in the hook table; compiled when its address is first asked for."""

    def __init__(self, fn: Callable[..., int]) -> None:
        self.fn, self.name, self.per = fn, fn.__name__, ""

    @cached_property
    def _compiled(self):
        signature = types.int64(M, *[types.int64] * HOOKS[self.name])
        return compiled(self.fn, lambda: callback(signature, self.fn))

    @property
    def address(self) -> int:
        """What the hook table holds for it."""
        if config.DISABLE_JIT:
            _python_hooks[id(self.fn)] = interpreted(self.fn)
            return id(self.fn)
        functions[self._compiled.address] = self.fn
        return self._compiled.address


def python_hook(address: int) -> Callable[..., int]:
    """The function whose address a hook gave, where kernels run as plain Python."""
    return _python_hooks[address]


def hook(fn: Callable[..., int]) -> Hook:
    """Mark `fn(m, ...)` as an implementation of the hook of the same name; KeyError if there is no such hook."""
    if fn.__name__ not in HOOKS:
        raise KeyError(f"{fn.__name__} is not a hook; near it: {get_close_matches(fn.__name__, HOOKS) or 'none'}")
    return Hook(fn)


def bind(record: np.recarray, implementation: Hook) -> None:
    """Enter a hook in the table of the machine in `record`."""
    record.hooks[0, HOOK_INDEX[implementation.name]] = implementation.address


def caller(name: str):
    """The kernel-side function `name(m, ...)` that calls the hook through the machine's table."""
    arity = HOOKS[name]
    if config.DISABLE_JIT:

        def call_python(m, *args):
            return _python_hooks[int(m.hooks[HOOK_INDEX[name]])](m, *args)

        return call_python

    i64 = ir.IntType(64)

    def codegen(context, builder, sig, args):
        record = builder.bitcast(args[0], cgutils.voidptr_t)
        base = field_address(builder, args[0], "hooks")
        address = builder.load(builder.gep(base, [ir.IntType(32)(HOOK_INDEX[name])]))
        kind = ir.FunctionType(i64, [cgutils.voidptr_t] + [i64] * arity)
        return builder.call(builder.inttoptr(address, kind.as_pointer()), [record, *args[1:]])

    # An intrinsic's arity is read from its definition, so there is one definition an arity.
    if arity == 0:

        @intrinsic
        def call0(typingctx, m):
            return types.int64(M), codegen

        return call0
    if arity == 1:

        @intrinsic
        def call1(typingctx, m, a):
            return types.int64(M, types.int64), codegen

        return call1
    if arity == 2:

        @intrinsic
        def call2(typingctx, m, a, b):
            return types.int64(M, types.int64, types.int64), codegen

        return call2
    if arity == 3:

        @intrinsic
        def call3(typingctx, m, a, b, c):
            return types.int64(M, *[types.int64] * 3), codegen

        return call3
    if arity == 4:

        @intrinsic
        def call4(typingctx, m, a, b, c, d):
            return types.int64(M, *[types.int64] * 4), codegen

        return call4

    @intrinsic
    def call5(typingctx, m, a, b, c, d, e):
        return types.int64(M, *[types.int64] * 5), codegen

    return call5


def accessor(name: str):
    """The function `table(m)` that gives the big table `name` as an array, inside kernels and in plain Python."""
    dtype = BIG[name]
    if config.DISABLE_JIT:

        @lru_cache(16)
        def at(address, rows):
            buffer = (ctypes.c_ubyte * (rows * dtype.itemsize)).from_address(address)
            raw = np.frombuffer(buffer, dtype=dtype)
            return raw.view(np.recarray) if dtype.names else raw

        return lambda m: at(int(m.table[name]), int(m.rows[name]))

    array_type = types.Array(from_dtype(dtype), 1, "C")

    @intrinsic
    def view(typingctx, m):
        def codegen(context, builder, sig, args):
            address = builder.load(field_address(builder, args[0], "table", name))
            count = builder.load(field_address(builder, args[0], "rows", name))
            array = make_array(array_type)(context, builder)
            size = cgutils.intp_t(dtype.itemsize)
            data = builder.inttoptr(address, array.data.type)
            populate_array(array, data=data, shape=[count], strides=[size], itemsize=size, meminfo=None)
            return array._getvalue()

        return array_type(M), codegen

    return view


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
runqueue = accessor("runqueue")
actors = accessor("actors")
spare_stacks = accessor("spare_stacks")
scans = accessor("scans")
plugs = accessor("plugs")
dtcs = accessor("dtcs")
jobs = accessor("jobs")
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
page_waits = accessor("page_waits")
pageblocks = accessor("pageblocks")
batches = accessor("batches")
wbs = accessor("wbs")
wb_domains = accessor("wb_domains")
latencies = accessor("latencies")
tlb = accessor("tlb")
