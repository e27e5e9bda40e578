"""Stacks of their own for actors, so that kernel code can stop in the middle and go on with its locals.

Two small machine routines do it, `switch` from one stack to another and `prepare` of a fresh one; the machine record
holds their addresses as it holds those of hooks. x86-64 and aarch64 save the registers that a call must preserve;
elsewhere libc's `swapcontext` does. Below every stack lies a page that may not be touched: a stack that is full ends
the process with a message instead of running over its neighbour.
"""

import ctypes
import mmap
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from llvmlite import binding as llvm

STACK_BYTES = 1 << 16  # reserved a stack; only pages that were used cost memory
GUARD_BYTES = 1 << 14
CONTEXT_BYTES = 1 << 13  # of a stack, for `swapcontext`: more than any libc's ucontext_t
FULL = b"mmrun: the stack of a simulated actor is full; please report this with the experiment file\n"
_PROT_NONE, _SIGSEGV, _SA_SIGINFO, _SA_ONSTACK, _ALTERNATE_BYTES = 0, 11, 4, 0x08000000, 1 << 16

# switch(i64* from, i64* to): leave the present stack, its pointer in *from, for the one whose pointer is in *to.
# prepare(i64* sp, i64 low, i64 bytes, i64 entry, i64 m, i64 who): a stack that will call entry(m, who), for good.
_ROUTINES = r"""
define void @stack_switch(ptr %from, ptr %to) naked noinline {
  call void asm sideeffect "SWITCH", ""()
  unreachable
}
define void @stack_start() naked noinline {
  call void asm sideeffect "START", ""()
  unreachable
}
"""
_X86_64 = {
    "SWITCH": """
        pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
        movq %rsp, (%rdi); movq (%rsi), %rsp
        popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; retq""",
    "START": "movq %r12, %rdi; movq %r13, %rsi; xorl %ebp, %ebp; callq *%r14; ud2",
}
_AARCH64 = {
    "SWITCH": """
        sub sp, sp, #160
        stp x19, x20, [sp]; stp x21, x22, [sp, #16]; stp x23, x24, [sp, #32]
        stp x25, x26, [sp, #48]; stp x27, x28, [sp, #64]; stp x29, x30, [sp, #80]
        stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]; stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]
        mov x9, sp; str x9, [x0]; ldr x9, [x1]; mov sp, x9
        ldp x19, x20, [sp]; ldp x21, x22, [sp, #16]; ldp x23, x24, [sp, #32]
        ldp x25, x26, [sp, #48]; ldp x27, x28, [sp, #64]; ldp x29, x30, [sp, #80]
        ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]
        add sp, sp, #160; ret""",
    "START": "mov x0, x19; mov x1, x20; mov x29, xzr; blr x21; brk #1",
}
_PREPARE = r"""
define void @stack_prepare(ptr %sp, i64 %low, i64 %bytes, i64 %entry, i64 %m, i64 %who) {
  %end = add i64 %low, %bytes
  %frame = sub i64 %end, FRAME
  store i64 %frame, ptr %sp
  %base = inttoptr i64 %frame to ptr
  %at.m = getelementptr i64, ptr %base, i64 AT_M
  store i64 %m, ptr %at.m
  %at.who = getelementptr i64, ptr %base, i64 AT_WHO
  store i64 %who, ptr %at.who
  %at.entry = getelementptr i64, ptr %base, i64 AT_ENTRY
  store i64 %entry, ptr %at.entry
  %at.start = getelementptr i64, ptr %base, i64 AT_START
  store ptr @stack_start, ptr %at.start
  ret void
}
"""
# Bytes of the first frame, a multiple of 16 above what `switch` restores, and the places in it of what it restores.
_FRAMES = {
    "x86_64": {"FRAME": 72, "AT_M": 3, "AT_WHO": 2, "AT_ENTRY": 1, "AT_START": 6},
    "aarch64": {"FRAME": 176, "AT_M": 0, "AT_WHO": 1, "AT_ENTRY": 2, "AT_START": 11},
}
# `makecontext` hands ints over: addresses go in halves. Stack and link stand at the same places on every 64-bit Linux.
_LIBC = r"""
declare i32 @swapcontext(ptr, ptr)
declare i32 @getcontext(ptr)
declare void @makecontext(ptr, ptr, i32, ...)
define void @stack_switch(ptr %from, ptr %to) {
  %a = load ptr, ptr %from
  %b = load ptr, ptr %to
  %ignored = call i32 @swapcontext(ptr %a, ptr %b)
  ret void
}
define void @stack_start(i32 %e0, i32 %e1, i32 %m0, i32 %m1, i32 %who) {
  %e.low = zext i32 %e0 to i64
  %e.high = zext i32 %e1 to i64
  %e.up = shl i64 %e.high, 32
  %entry = or i64 %e.low, %e.up
  %m.low = zext i32 %m0 to i64
  %m.high = zext i32 %m1 to i64
  %m.up = shl i64 %m.high, 32
  %m = or i64 %m.low, %m.up
  %w = zext i32 %who to i64
  %run = inttoptr i64 %entry to ptr
  call void %run(i64 %m, i64 %w)
  unreachable
}
define void @stack_prepare(ptr %sp, i64 %low, i64 %bytes, i64 %entry, i64 %m, i64 %who) {
  store i64 %low, ptr %sp
  %context = inttoptr i64 %low to ptr
  %ignored = call i32 @getcontext(ptr %context)
  %link = getelementptr i8, ptr %context, i64 8
  store i64 0, ptr %link
  %stack = getelementptr i8, ptr %context, i64 16
  %usable = add i64 %low, CONTEXT
  store i64 %usable, ptr %stack
  %size = getelementptr i8, ptr %context, i64 32
  %left = sub i64 %bytes, CONTEXT
  store i64 %left, ptr %size
  %e0 = trunc i64 %entry to i32
  %e.up = lshr i64 %entry, 32
  %e1 = trunc i64 %e.up to i32
  %m0 = trunc i64 %m to i32
  %m.up = lshr i64 %m, 32
  %m1 = trunc i64 %m.up to i32
  %w = trunc i64 %who to i32
  call void (ptr, ptr, i32, ...) @makecontext(ptr %context, ptr @stack_start, i32 5, i32 %e0, i32 %e1,
    i32 %m0, i32 %m1, i32 %w)
  ret void
}
"""
# A fault in a guard page ends the process with FULL; any other goes to whoever handled faults before.
_HANDLER = r"""
@low = global i64 0
@high = global i64 0
@stride = global i64 1
@guard = global i64 0
@text = global ptr null
@length = global i64 0
@before = global ptr null
declare i64 @write(i32, ptr, i64)
declare void @_exit(i32)
declare i32 @sigaction(i32, ptr, ptr)
define void @on_fault(i32 %sig, ptr %info, ptr %context) {
  %place = getelementptr i8, ptr %info, i64 16
  %address = load i64, ptr %place
  %low = load i64, ptr @low
  %high = load i64, ptr @high
  %above = icmp uge i64 %address, %low
  %below = icmp ult i64 %address, %high
  %inside = and i1 %above, %below
  %offset = sub i64 %address, %low
  %stride = load i64, ptr @stride
  %within = urem i64 %offset, %stride
  %guard = load i64, ptr @guard
  %barred = icmp ult i64 %within, %guard
  %full = and i1 %inside, %barred
  br i1 %full, label %tell, label %pass
tell:
  %text = load ptr, ptr @text
  %length = load i64, ptr @length
  %ignored = call i64 @write(i32 2, ptr %text, i64 %length)
  call void @_exit(i32 70)
  unreachable
pass:
  %old = load ptr, ptr @before
  %restored = call i32 @sigaction(i32 %sig, ptr %old, ptr null)
  ret void
}
"""


def assembly(machine: str) -> str:
    """LLVM's text of the routines for a machine as `platform.machine()` names it; libc's where there are none."""
    name = {"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if name not in _FRAMES:
        return _LIBC.replace("CONTEXT", str(CONTEXT_BYTES))
    routines, prepare = _ROUTINES, _PREPARE
    for place, lines in (_X86_64 if name == "x86_64" else _AARCH64).items():
        steps = [step.strip() for line in lines.splitlines() for step in line.split(";") if step.strip()]
        routines = routines.replace(place, "\\0A".join(steps))
    for place, value in _FRAMES[name].items():
        prepare = prepare.replace(place, str(value))
    return routines + prepare


class Routines:
    """The routines in machine code: addresses of `switch` and `prepare`."""

    def __init__(self, machine: str) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        module = llvm.parse_assembly(assembly(machine) + _HANDLER)
        target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self.engine = llvm.create_mcjit_compiler(module, target)
        self.engine.finalize_object()
        self.switch = self.engine.get_function_address("stack_switch")
        self.prepare = self.engine.get_function_address("stack_prepare")

    def value(self, name: str) -> ctypes.c_int64:
        """A global variable of the fault handler."""
        return ctypes.c_int64.from_address(self.engine.get_global_value_address(name))


@cache
def routines(machine: str | None = None) -> Routines:
    """The routines of this machine; another name than its own forces libc's."""
    return Routines(machine or platform.machine())


class Stacks:
    """Room for `count` stacks: `low` is the first usable byte of stack 0, `stride` the distance to the next.

    `context` is where libc's `swapcontext` keeps the registers of the stack that runs the engine.
    """

    def __init__(self, count: int) -> None:
        self.stride, self.bytes = STACK_BYTES + GUARD_BYTES, STACK_BYTES
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        self._room = mmap.mmap(-1, max(1, count) * self.stride, flags=flags)
        self._pages = np.frombuffer(self._room, dtype=np.uint8)
        self.start = self._pages.ctypes.data
        self.low, self.end = self.start + GUARD_BYTES, self.start + max(1, count) * self.stride
        self._context = ctypes.create_string_buffer(CONTEXT_BYTES)
        self.context = ctypes.addressof(self._context)
        libc = ctypes.CDLL(None, use_errno=True)
        for i in range(count):
            place = ctypes.c_void_p(self.start + i * self.stride)
            if libc.mprotect(place, ctypes.c_size_t(GUARD_BYTES), _PROT_NONE):
                raise OSError(
                    ctypes.get_errno(),
                    f"no room for the stacks of {count} tasks and daemons: raise vm.max_map_count beyond {2 * count}",
                )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within, a fault in a guard page of these stacks is told as what it is; enter it on the engine's thread."""
        found = routines()
        low, high = found.value("low"), found.value("high")
        found.value("stride").value, found.value("guard").value = self.stride, GUARD_BYTES
        low.value, high.value = self.start, self.end
        _watch_faults(found)
        try:
            yield
        finally:
            low.value = high.value = 0


class _Sigaction(ctypes.Structure):
    _fields_ = (
        ("handler", ctypes.c_void_p), ("mask", ctypes.c_ubyte * 128), ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )  # fmt: skip


class _Alternate(ctypes.Structure):
    _fields_ = (("low", ctypes.c_void_p), ("flags", ctypes.c_int), ("bytes", ctypes.c_size_t))


_kept = threading.local()
_message, _before = ctypes.create_string_buffer(FULL), _Sigaction()


def _watch_faults(found: Routines) -> None:
    """Handle SIGSEGV on a stack apart, since the one that is full has no room for a handler."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if not hasattr(_kept, "room"):
        _kept.room = ctypes.create_string_buffer(_ALTERNATE_BYTES)
        libc.sigaltstack(ctypes.byref(_Alternate(ctypes.addressof(_kept.room), 0, _ALTERNATE_BYTES)), None)
    now = _Sigaction()
    libc.sigaction(_SIGSEGV, None, ctypes.byref(now))
    handler = found.engine.get_function_address("on_fault")
    if now.handler == handler:
        return
    ctypes.memmove(ctypes.byref(_before), ctypes.byref(now), ctypes.sizeof(now))
    found.value("text").value, found.value("length").value = ctypes.addressof(_message), len(FULL)
    found.value("before").value = ctypes.addressof(_before)
    ours = _Sigaction(handler, (ctypes.c_ubyte * 128)(), _SA_SIGINFO | _SA_ONSTACK, None)
    libc.sigaction(_SIGSEGV, ctypes.byref(ours), None)
