"""All kernels into one module, optimised and emitted once.

Everything is internal but the entries: hooks, and what Python calls. So callees are inlined where that pays, and
functions that nobody calls any more are gone.
"""

from collections.abc import Iterable
from typing import Any

import llvmlite.binding as llvm

from mmrun.model.core.codes import HOOK_RAISED
from mmrun.model.core.record import offset_of
from mmrun.model.hooks import HOOK_INDEX, TABLE
from mmrun.model.library.entry import Entry
from mmrun.model.library.machine import Target, prepare

LEVEL = 3  # of optimisation; takes as long as 2, and nothing measured was slower


def link(entries: Iterable[Entry], exported: set[str], target: Target) -> bytes:
    """An object file of the entries that shows the symbols `exported`."""
    prepare()
    whole = llvm.parse_assembly("")
    whole.triple = target.triple
    machine = target.machine()
    whole.data_layout = str(machine.target_data)
    hooks = []
    for entry in entries:
        module = llvm.parse_bitcode(entry.module)
        module.triple, module.data_layout = whole.triple, whole.data_layout
        whole.link_in(module)
        if entry.name.startswith("hook "):
            hooks.append(entry)
    whole.link_in(llvm.parse_assembly("\n".join(map(c_entry, hooks))))
    shown = {*exported, *(c_name(entry.symbol) for entry in hooks)}
    for value in (*whole.functions, *whole.global_variables):
        if not value.is_declaration:
            value.linkage = "external" if value.name in shown else "internal"
    optimise(whole, machine)
    found: bytes = machine.emit_object(whole)
    return found


def optimise(module: Any, machine: Any) -> None:
    """Run LLVM's pipeline over the module."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=LEVEL)
    tuning.loop_vectorization, tuning.slp_vectorization = True, False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)


def c_name(symbol: str) -> str:
    """The symbol of a hook's C entry."""
    return f"C {symbol}"


def c_entry(hook: Entry) -> str:
    """IR of the C function through which the hook table calls a hook.

    An exception cannot cross that call: the machine is stopped and told of it, the answer ends the loops that asked.
    """
    arity, of = len(hook.arguments) - 1, hook.name.split()[1]
    kinds = ", ".join(["ptr"] * 3 + ["i64"] * arity)
    taken = ", ".join(["ptr %m", *(f"i64 %a{i}" for i in range(arity))])
    return f'''
declare i32 @"{hook.symbol}"({kinds})
define i64 @"{c_name(hook.symbol)}"({taken}) {{
  %answer = alloca i64
  %described = alloca ptr
  store i64 0, ptr %answer
  store ptr null, ptr %described
  %status = call i32 @"{hook.symbol}"(ptr %answer, ptr %described, {taken})
  %bad = icmp sgt i32 %status, 0
  br i1 %bad, label %failed, label %fine
fine:
  %value = load i64, ptr %answer
  ret i64 %value
failed:
  %place = getelementptr i8, ptr %m, i64 {offset_of("broken")}
  %broken = load i64, ptr %place
  %first = icmp eq i64 %broken, 0
  br i1 %first, label %note, label %end
note:
  store i64 {HOOK_RAISED}, ptr %place
  %which = getelementptr i8, ptr %m, i64 {offset_of("broken_arg")}
  store i64 {HOOK_INDEX[of]}, ptr %which
  %kept = getelementptr i8, ptr %m, i64 {offset_of("raised")}
  %what = load ptr, ptr %described
  store ptr %what, ptr %kept
  br label %end
end:
  ret i64 {TABLE[of].failed}
}}
'''
