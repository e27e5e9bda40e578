"""Numba types and lowers one kernel; the result is unoptimised IR that calls other kernels by name.

Numba itself would optimise each function with all it calls, again for every caller, and emit machine code for each.
Here a callee is only declared. This is the one file that relies on numba's insides; `check` says so where they differ.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils, codegen, compiler, funcdesc, typing
from numba.core import types as numba_types
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.runtime.nrt import rtsys
from numba.np import arrayobj

from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.library import codes
from mmrun.model.library.entry import Entry, Use, symbol
from mmrun.model.library.key import callees, name, version
from mmrun.model.library.places import PlacedCompiler

types: Any = numba_types  # what they hold is not typed
OPTIONS = {"nopython": True, "_nrt": False, "boundscheck": None, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
Facts = dict[str, bytes]
"""What is known of kernels compiled elsewhere: result type, pickled, by version."""


def check() -> None:
    """RuntimeError unless numba has the insides that this file uses."""
    needed = (
        (codegen.CPUCodeLibrary, "add_ir_module"), (codegen.CPUCodeLibrary, "add_linking_library"),
        (codegen.CPUCodeLibrary, "_get_module_for_linking"), (compiler, "compile_extra"),
        (compiler.Flags, "no_compile"), (funcdesc, "ExternalFunctionDescriptor"),
        (CPUDispatcher, "get_call_template"), (CPUDispatcher, "nopython_signatures"), (cgutils, "normalize_ir_text"),
        (cpu_target.target_context, "insert_user_function"), (cpu_target.target_context, "mangler"),
        (arrayobj, "fix_integer_index"),
    )  # fmt: skip
    missing = [attribute for owner, attribute in needed if not hasattr(owner, attribute)]
    if missing:
        raise RuntimeError(
            f"numba {numba.__version__} has no {', '.join(missing)}: mmrun's compiler does not know it; "
            "install the numba of constraints.txt"
        )


class _Gathered(codegen.CPUCodeLibrary):
    """Keeps the IR of a function as text, and the libraries of what numba compiled for it alone."""

    def __init__(self, owner: Any, title: str) -> None:
        super().__init__(owner, title)
        self.texts: list[str] = []
        self.helpers: list[Any] = []

    def add_ir_module(self, ir_module: Any) -> None:
        """Take the IR of the function."""
        self.texts.append(cgutils.normalize_ir_text(str(ir_module)))

    def add_linking_library(self, library: Any) -> None:
        """Take what the function calls; numba's reference counting is never called."""
        if library is not rtsys.library and library not in self.helpers:
            self.helpers.append(library)

    def finalize(self) -> None:
        """Nothing is compiled here."""

    def module(self, exported: str, rare: bool) -> Any:
        """All of it as one module that shows only the symbol `exported`."""
        made = llvm.parse_assembly(self.texts[0])
        for text in self.texts[1:]:
            made.link_in(llvm.parse_assembly(text))
        for helper in self.helpers:
            made.link_in(helper._get_module_for_linking(), preserve=True)
        made.data_layout = self._codegen._data_layout
        for value in (*made.functions, *made.global_variables):
            if not value.is_declaration and value.name != exported:
                value.linkage = "internal"
        for function in made.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()
                passes.run(function, builder)
        for attribute in ("cold", "noinline") if rare else ():
            made.get_function(exported).add_function_attribute(attribute)
        made.verify()
        return made


class _Compiler(PlacedCompiler):
    """Numba's pipeline; the function gets the name it has in the library."""

    def __init__(self, title: str, symbol: str, *args: Any) -> None:
        super().__init__(*args)
        context: Any = self.state.targetctx  # a copy for this function
        default = context.mangler

        def mangler(wanted, kinds, *, abi_tags=(), uid=None):
            return symbol if wanted == title else default(wanted, kinds, abi_tags=abi_tags, uid=uid)

        context.mangler = mangler
        context.indices_are_positions = True


def _position(default: Any, context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """An index where numba would look whether it is negative, and counts from the end: that costs every look-up.

    In kernels a number that is written out may still count from the end, which is known when compiling.
    """
    written = isinstance(kind, types.IntegerLiteral) or isinstance(index, ir.Constant)
    if written or not getattr(context, "indices_are_positions", False):
        return default(context, builder, kind, index, size)
    return context.cast(builder, index, kind, types.intp)


class _Dispatcher(CPUDispatcher):
    """What a kernel looks like to the kernels that call it. Calls widen integers and flags to 64 bits."""

    def __init__(self, of: Kernel) -> None:
        super().__init__(of.fn, targetoptions=OPTIONS)
        self.of = of

    def get_call_template(self, args, kws):
        """The signature for these argument types, for numba's type inference."""
        _, args = self._compiler.fold_argument_types(args, kws)
        return super().get_call_template(tuple(map(widened, args)), {})

    def compile(self, sig):
        """Declare the kernel for these argument types, compiled or known from before."""
        args = tuple(sig)
        result = front.use(self.of, args)
        if args not in self.overloads:
            title = symbol(name(self.of), codes_of(args))
            declared = funcdesc.ExternalFunctionDescriptor(title, result, args)
            token = SimpleNamespace(title=title)
            entry_point = partial(str, token)  # any object that numba can use as a key
            signature = typing.signature(result, *args)
            self.overloads[args] = SimpleNamespace(signature=signature, objectmode=False, entry_point=entry_point)
            self.targetctx.insert_user_function(entry_point, declared)
        return self.overloads[args].entry_point


def widened(kind: Any) -> Any:
    """The type a kernel takes where it is given `kind`."""
    kind = types.unliteral(kind)
    whole = isinstance(kind, types.Boolean) or (isinstance(kind, types.Integer) and (kind.signed or kind.bitwidth < 64))
    return types.int64 if whole else kind


def codes_of(args: tuple[Any, ...]) -> str:
    """The code of a list of argument types."""
    return "".join(map(codes.of_type, args))


def types_of(arguments: str) -> tuple[Any, ...]:
    """Numba's types for a code of arguments; ValueError for others."""
    return tuple(map(codes.to_type, codes.split(arguments)))


class Front:
    """Runs numba's front end for kernels, each once for each list of argument types."""

    def __init__(self) -> None:
        self.facts: Facts = {}
        self.made: dict[tuple[Kernel | Hook, str], Entry] = {}
        self.results: dict[tuple[Kernel | Hook, str], Any] = {}
        self.dispatchers: dict[Kernel, _Dispatcher] = {}
        self.uses: list[set[Use]] = []
        self.under_way: list[tuple[Kernel | Hook, str]] = []

    def use(self, of: Kernel, args: tuple[Any, ...]) -> Any:
        """The result type of a kernel that the kernel being compiled calls."""
        result = self.result(of, args)
        if self.uses:
            self.uses[-1].add(Use(name(of), codes_of(args), codes.of_type(result)))
        return result

    def result(self, of: Kernel | Hook, args: tuple[Any, ...]) -> Any:
        """The result type of a kernel, compiled for these argument types unless it was or is known."""
        which = of, codes_of(args)
        if which not in self.made:
            known = self.facts.get(version(*which))
            self.results[which] = self._make(of, args) if known is None else pickle.loads(known)
        return self.results[which]

    def made_for(self, of: Kernel | Hook, arguments: str) -> list[Entry]:
        """Entries made here of a kernel and of all it calls, but for those that are known from elsewhere."""
        found: dict[tuple[Kernel | Hook, str], Entry] = {}
        todo: list[tuple[Kernel | Hook, str]] = [(of, arguments)]
        while todo:
            which = todo.pop()
            if which in self.made and version(*which) not in self.facts and which not in found:
                found[which] = self.made[which]
                todo += [(callees(which[0])[use.name], use.arguments) for use in self.made[which].uses]
        return list(found.values())

    def _make(self, of: Kernel | Hook, args: tuple[Any, ...]) -> Any:
        arguments = codes_of(args)
        with self._compiling((of, arguments)):
            title = symbol(name(of), arguments)
            gathered = _Gathered(cpu_target.target_context.codegen(), title)
            fn = of.fn
            flags = compiler.Flags()
            cpu_target.options.parse_as_flags(flags, OPTIONS)
            flags.no_compile = True
            made = compiler.compile_extra(
                cpu_target.typing_context, cpu_target.target_context, fn, args,
                types.int64 if isinstance(of, Hook) else None, flags, {}, library=gathered,
                pipeline_class=partial(_Compiler, funcdesc.qualifying_prefix(fn.__module__, fn.__qualname__), title),
            )  # fmt: skip
            result = made.signature.return_type
            self.made[of, arguments] = Entry(
                name(of), arguments, version(of, arguments), codes.of_type(result), pickle.dumps(result),
                tuple(sorted(self.uses[-1])), gathered.module(title, isinstance(of, Kernel) and of.rare).as_bitcode(),
            )  # fmt: skip
        return result

    @contextmanager
    def _compiling(self, which: tuple[Kernel | Hook, str]) -> Iterator[None]:
        if which in self.under_way:
            raise RecursionError(f"kernel {name(which[0])} calls itself, which kernels cannot")
        self.under_way.append(which)
        self.uses.append(set())
        try:
            yield
        finally:
            self.uses.pop()
            self.under_way.pop()


front = Front()


@cache
def _prepare() -> None:
    check()
    # Numba writes the types of arguments at each of its passes, and the machine's has thousands of fields.
    types.Record.__repr__ = lambda self: f"Record{self._code}"
    arrayobj.fix_integer_index = partial(_position, arrayobj.fix_integer_index)
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


def type_of_kernel(of: Kernel) -> Any:
    """Numba's type of a kernel, for those that call it."""
    if of not in front.dispatchers:
        front.dispatchers[of] = _Dispatcher(of)
    return types.Dispatcher(front.dispatchers[of])


def compile_entries(of: Kernel | Hook, args: tuple[Any, ...], facts: Facts) -> list[Entry]:
    """Entries of the kernel for these argument types and of whatever it calls that `facts` does not know."""
    _prepare()
    front.facts = facts
    front.result(of, args)
    return front.made_for(of, codes_of(args))


def types_of_values(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numba's types of what Python passes to a kernel."""
    _prepare()
    return tuple(widened(numba.typeof(value)) for value in values)
