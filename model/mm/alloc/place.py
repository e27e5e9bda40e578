"""Allocation in a machine record: what no variant defines."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.alloc.page_alloc import charged_frame, kernel_frame, slab_frame


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Frames for users and the kernel; for slab objects where there are slab caches, else it need not be compiled."""
    return (charged_frame, kernel_frame, slab_frame) if plan.cell.slab else (charged_frame, kernel_frame)
