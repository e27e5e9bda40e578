"""Numba made lean for kernels: what it does for each of them and nobody needs is left out.

The machine's record type has thousands of fields. Numba spells it out in every pass over every function, keeps the
type of every variable as text in its cache and the record type by value; and it wraps each kernel for callers from
Python and from C, though nearly all are called by kernels only.
"""

from collections.abc import Callable
from typing import Any

from numba.core import caching, ccallback
from numba.core import types as numba_types
from numba.core.compiler import CompilerBase
from numba.core.registry import CPUDispatcher

from model.cache_locator import ImportClosureLocator
from model.guard import HookCompiler, KernelCompiler

types: Any = numba_types  # what they hold is not typed
INNER = {"nopython": True, "_nrt": False, "boundscheck": None, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
OUTER = {"nopython": True, "_nrt": False, "boundscheck": None}
_by_name: dict[Any, str] = {}


def short_names() -> None:
    """Let numba write record types by number, and pickle those that have a name by it."""
    types.Record.__repr__ = lambda self: f"Record{self._code}"
    types.Record.__reduce__ = _reduce


def name_type(record: Any, name: str) -> Any:
    """Let the record type be pickled as the attribute `name` of `model.jit`."""
    _by_name[record] = name
    return record


def _reduce(self: Any) -> Any:
    name = _by_name.get(self)
    return super(types.Record, self).__reduce__() if name is None else (_named, (name,))


def _named(name: str) -> Any:
    import model.jit

    return getattr(model.jit, name)


class _Unannotated(CompilerBase):
    """Without the text of type annotations, which would be nine tenths of the cache."""

    def _compile_core(self):
        return super()._compile_core()._replace(type_annotation="")


class _Compiler(_Unannotated, KernelCompiler):
    pass


class _HookCompiler(_Unannotated, HookCompiler):
    pass


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (ImportClosureLocator,)


class _Cache(caching.FunctionCache):
    """Our directory and our idea of freshness, also where numba read its settings before we could make them."""

    _impl_class = _CacheImpl


class _OuterCache(_Cache):
    """Of kernels with the wrapper that a call from Python needs."""

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), "wrapped")


class _Dispatcher(CPUDispatcher):
    """Calls between kernels widen integers and flags to 64 bits: one version, whoever calls."""

    def get_call_template(self, args, kws):
        """The signature for these argument types, for numba's type inference."""
        _, args = self._compiler.fold_argument_types(args, kws)
        return super().get_call_template(tuple(map(_widened, args)), {})


class Kernel(_Dispatcher):
    """A compiled kernel. What Python calls is compiled apart, with a wrapper."""

    def __init__(self, fn: Callable[..., object]) -> None:
        super().__init__(fn, targetoptions=INNER, pipeline_class=_Compiler)
        self._cache = _Cache(fn)
        self._outer: _Dispatcher | None = None

    def __call__(self, *args: Any) -> Any:
        if self._outer is None:
            self._outer = _Dispatcher(self.py_func, targetoptions=OUTER, pipeline_class=_Compiler)
            self._outer._cache = _OuterCache(self.py_func)
        return self._outer(*args)


def callback(signature: Any, fn: Callable[..., int]) -> Any:
    """A compiled C function pointer for `fn`."""
    made: Any = ccallback.CFunc(
        fn, (signature.args, signature.return_type), {}, {"_nrt": False}, pipeline_class=_HookCompiler
    )
    made._cache = _Cache(fn)
    made.compile()
    return made


def _widened(kind: Any) -> Any:
    kind = types.unliteral(kind)
    whole = isinstance(kind, types.Boolean) or (isinstance(kind, types.Integer) and (kind.signed or kind.bitwidth < 64))
    return types.int64 if whole else kind
