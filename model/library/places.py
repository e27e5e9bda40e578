"""Exceptions of compiled kernels get the line of the statement they come from, also where numba gives them none.

The line is counted from the function's first, so that text above it does not count in what is compiled.
"""

from typing import Any

from numba.core.callconv import CPUCallConv
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.cpu import CPUContext
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from mmrun.model.core.guard import IN_MODULE


class _CallConv(CPUCallConv):
    def build_excinfo_struct(self, exc, exc_args, loc, func_name):
        lower = self.context.lower
        if loc is None and self.context.fndesc is lower.fndesc:  # not a function of numba's that is compiled for it
            loc = lower.loc
        place = None
        if loc:
            made = lower.func_ir.func_id
            own = loc.filename == made.filename
            file, line = (IN_MODULE + made.modname, loc.line - made.firstlineno) if own else (loc.filename, loc.line)
            place = made.func_qualname if own else func_name or "", file, line
        return exc, exc_args, place


class _Context(CPUContext):
    lower: Any = None

    @property
    def call_conv(self):
        return _CallConv(self)


class _Lower(Lower):
    def init(self):
        super().init()
        self.context.__class__ = _Context  # a copy of numba's, made for this function
        self.context.lower = self
        self.context.error_model = type(self.context.error_model)(self.context.call_conv)  # for division by zero


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "kernel_lowering"
    lowering_class = _Lower


class PlacedCompiler(CompilerBase):
    """Numba's pipeline, with places for all exceptions."""

    def define_pipelines(self):
        """The one pipeline that is tried."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(_Lowering if kind is NativeLowering else kind, text) for kind, text in passes.passes]
        passes.finalize()
        return [passes]
