"""Faults in a machine record: what no variant defines, and the page of zeros."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import nodes
from mmrun.model.mm.fault.fault import access
from mmrun.model.mm.memcg.memcontrol import NO_GROUP
from mmrun.model.mm.page.buddy import alloc_block
from mmrun.model.mm.page.flags import BOOT_PAGE, KERNEL, UNMOVABLE
from mmrun.model.mm.task.state import fault_settings


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Touches that the page table cannot serve."""
    return (access,)


def place(built: Built) -> None:
    """Take a frame of node 0 for the page of zeros, where there is one."""
    m = built.memory.m
    fault_settings(m).zero_pfn = NONE
    if not fault_settings(m).zero_page:
        return
    z = int(nodes(m)[0].first_zone + nodes(m)[0].nr_zones) - 1
    pfn = int(alloc_block(m, z, 0, UNMOVABLE, 0))
    own = built.memory.table("frames")[pfn]
    own["state"], own["kind"], own["zone"], own["node"], own["memcg"] = KERNEL, BOOT_PAGE, z, 0, NO_GROUP
    own["order"] = own["mapcount"] = 0
    fault_settings(m).zero_pfn = pfn
