"""Allocation in a machine record: what no variant defines."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.alloc.migration_target import alloc_migration_target
from mmrun.model.mm.alloc.page_alloc import charged_frame, kernel_frame, slab_frame


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Frames for users, the kernel and migration; for slab objects only where there are slab caches."""
    always = (charged_frame, kernel_frame, alloc_migration_target)
    return (*always, slab_frame) if plan.cell.slab else always
