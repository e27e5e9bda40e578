"""What becomes of an exception in a kernel or hook: it stops the machine, and its place is told.

An exception cannot cross a call through the hook table. So the C entry of every compiled hook looks at what its body
came to: after an exception it stops the machine as `panic` does, notes which hook it was and where numba keeps the
description of the exception, and answers what ends the loops that asked. Compiled kernels know the line of every
exception, also of those that numba leaves without one (division by zero, an index out of bounds).
"""

import ctypes
import pickle
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.core.callconv import CPUCallConv
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.cpu import CPUContext
from numba.core.errors import NumbaError
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from model.cache import ROOT
from model.hooks import HOOK_INDEX, TABLE
from model.layout import MACHINE
from model.mm.state import BAD_CHECK_REFERENCES, BROKEN, HOOK_RAISED

LIBRARIES = tuple(Path(path) for package in (numba, np) for path in package.__path__)
functions: dict[int, Callable[..., int]] = {}
"""The Python function behind each entry that a hook table may hold."""


class ModelError(RuntimeError):
    """A broken invariant, or a policy that failed: the run's numbers would mean nothing."""


def field_address(builder: Any, record: Any, *path: str) -> Any:
    """LLVM pointer to the 64-bit field at `path` of the machine record."""
    offset, dtype = 0, MACHINE
    for name in path:
        assert dtype.fields is not None
        dtype, shift = dtype.fields[name][:2]
        offset += shift
    base = builder.bitcast(record, cgutils.voidptr_t)
    return builder.bitcast(builder.gep(base, [cgutils.intp_t(offset)]), ir.IntType(64).as_pointer())


def short(file: str) -> str:
    """A source file as messages and compiled code name it: files of the project from its root."""
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT / "model") else file


class _CallConv(CPUCallConv):
    def build_excinfo_struct(self, exc, exc_args, loc, func_name):
        lower = self.context.lower
        if loc is None and self.context.fndesc is lower.fndesc:  # not a function of numba's that is compiled for it
            loc = lower.loc
        place = (func_name or self.context.fndesc.qualname, short(loc.filename), loc.line) if loc else None
        return exc, exc_args, place


class _Context(CPUContext):
    lower: Any = None

    @property
    def call_conv(self):
        return _CallConv(self)


class _Lower(Lower):
    """Lowers a kernel; exceptions get the line of the statement they come from."""

    def init(self):
        super().init()
        self.context.__class__ = _Context  # a copy of numba's, made for this function
        self.context.lower = self
        self.context.error_model = type(self.context.error_model)(self.context.call_conv)  # for division by zero


class _HookLower(_Lower):
    """Lowers a hook; its C entry reports an exception to the machine instead of printing it."""

    def create_cfunc_wrapper(self):
        context, fndesc, i64 = self.context, self.fndesc, ir.IntType(64)
        name = self.func_ir.func_id.func_name
        module = context.create_module("cfunc_wrapper")
        kind = context.call_conv.get_function_type(fndesc.restype, fndesc.argtypes)
        body = ir.Function(module, kind, fndesc.llvm_func_name)
        arguments = [context.get_value_type(argument) for argument in fndesc.argtypes]
        entry = ir.Function(module, ir.FunctionType(i64, arguments), fndesc.llvm_cfunc_wrapper_name)
        builder = ir.IRBuilder(entry.append_basic_block("entry"))
        status, answer = context.call_conv.call_function(
            builder, body, fndesc.restype, fndesc.argtypes, entry.args, attrs=("noinline",)
        )
        with builder.if_then(status.is_error, likely=False):
            broken = field_address(builder, entry.args[0], "clock", "broken")
            with builder.if_then(builder.icmp_signed("==", builder.load(broken), i64(0))):
                builder.store(i64(HOOK_RAISED), broken)
                builder.store(i64(HOOK_INDEX[name]), field_address(builder, entry.args[0], "clock", "broken_arg"))
                described = builder.ptrtoint(status.excinfoptr, i64)
                builder.store(described, field_address(builder, entry.args[0], "clock", "raised"))
            builder.ret(i64(TABLE[name].failed))
        builder.ret(answer if answer.type == i64 else i64(TABLE[name].failed))  # of another type: it always raises
        self.library.add_ir_module(module)


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(NativeLowering):
    _name = "kernel_lowering"
    lowering_class = _Lower


@register_pass(mutates_CFG=True, analysis_only=False)
class _HookLowering(NativeLowering):
    _name = "hook_lowering"
    lowering_class = _HookLower


class KernelCompiler(CompilerBase):
    """Numba's pipeline for kernels, with places for all exceptions."""

    lowering: type[NativeLowering] = _KernelLowering

    def define_pipelines(self):
        """The one pipeline that is tried."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(self.lowering if kind is NativeLowering else kind, text) for kind, text in passes.passes]
        passes.finalize()
        return [passes]


class HookCompiler(KernelCompiler):
    """The same for hooks."""

    lowering = _HookLowering


def interpreted(fn: Callable[..., int]) -> Callable[..., int]:
    """The hook `fn` for pure-Python mode, entered as `id(fn)`: the exception itself stops the run."""

    functions[id(fn)] = fn

    @wraps(fn)
    def guarded(*arguments):
        try:
            return fn(*arguments)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(told(error, fn)) from error

    return guarded


def told(error: BaseException, fn: Callable[..., object] | None = None, file: str = "") -> str:
    """An exception in one line, with the innermost place in `file`, or in any of the project or user, and the hook."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__)
            if (frame.filename == file if file else _is_ours(frame.filename))]  # fmt: skip
    place = f"{short(ours[-1].filename)}:{ours[-1].lineno}" if ours else ""
    return _sentence(place, type(error).__name__, str(error), fn)


def compiled(fn: Callable[..., int], compile_it: Callable[[], Any]) -> Any:
    """What `compile_it()` makes of the hook `fn`; ModelError with the place in its file where numba cannot."""
    try:
        return compile_it()
    except (NumbaError, TypeError, ValueError, KeyError) as error:
        loc = getattr(error, "loc", None)
        place = f"{short(loc.filename)}:{loc.line}" if loc is not None and _is_ours(loc.filename) else _defined(fn)
        lines = [text.strip() for text in str(error).splitlines()]
        words = next((text for text in lines if text and not text.startswith("Failed in")), "")
        if words.startswith("NRT required"):
            words = "kernels allocate nothing: no lists, no text, exceptions with constant words only"
        raise ModelError(_sentence(place, type(error).__name__, f"cannot be compiled: {words}", fn)) from error


def why_broken(m: np.record) -> str:
    """Why the machine `m` stopped: the broken invariant, or the exception of a hook and where it was raised."""
    code, what = int(m.clock.broken), int(m.clock.broken_arg)
    if code == BAD_CHECK_REFERENCES:
        fn = functions[int(m.hooks[HOOK_INDEX["check_references"]])]
        return f"{_defined(fn)}: {BROKEN[code]} (at {what})"
    if code != HOOK_RAISED:
        return f"{BROKEN[code]} (at {what})"
    fn = functions[int(m.hooks[what])]
    kind, words, place = _described(int(m.clock.raised))
    where = f"{place[1]}:{place[2]}" if place and _is_ours(place[1]) else _defined(fn)
    return _sentence(where, kind, words, fn)


class _Described(ctypes.Structure):
    """The head of what numba's calling convention passes for an exception: pickled type, arguments and place."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_int32))


def _described(address: int) -> tuple[str, str, tuple[str, str, int] | None]:
    """Type, words and place (function, file, line) of the exception that the constant at `address` describes."""
    head = _Described.from_address(address)
    exc, arguments, place = pickle.loads(ctypes.string_at(head.data, head.size))
    if exc is None:
        return "RuntimeError", "raised again", place
    return exc.__name__, ", ".join(map(str, arguments or ())), place


def _is_ours(file: str) -> bool:
    """Whether a file is the project's or a user's: not of the libraries whose code runs below a kernel."""
    return not file.startswith("<") and not any(Path(file).is_relative_to(library) for library in LIBRARIES)


def _defined(fn: Callable[..., object]) -> str:
    return f"{short(fn.__code__.co_filename)}:{fn.__code__.co_firstlineno}"


def _sentence(place: str, kind: str, words: str, fn: Callable[..., object] | None) -> str:
    said = f"{kind}: {words}" if words else kind
    axis = TABLE[fn.__name__].axis if fn is not None else ""
    hook = f" (hook {fn.__name__}{' of ' + axis if axis else ''}, {_defined(fn)})" if fn is not None else ""
    return f"{place}: {said}{hook}" if place else f"{said}{hook}"
