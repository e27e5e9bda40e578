"""Faults in a machine record: what no variant defines, the page of zeros, the page cache an aged machine starts with."""

import numpy as np

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.description import Machine
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.numa import zones_of
from mmrun.model.machine.state import nodes
from mmrun.model.mm.fault.fault import access
from mmrun.model.mm.fault.old_cache import left_in_cache
from mmrun.model.mm.memcg.memcontrol import NO_GROUP
from mmrun.model.mm.page.ageing import LOOSE, MOVES, pages_of
from mmrun.model.mm.page.buddy import alloc_block
from mmrun.model.mm.page.flags import BOOT_PAGE, KERNEL, UNMOVABLE
from mmrun.model.mm.task.place import LEFT
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


def pages_left(machine: Machine) -> int:
    """Pages of page cache that the machine starts with, at most."""
    zones = ((machine.nodes[zone.node].start, zone.pages) for zone in zones_of(machine))
    return sum(pages_of(start, pages)[LOOSE] for start, pages in zones if start is not None)


def start(built: Built) -> None:
    """What ageing has left in use and movable becomes page cache; it came in no order of addresses."""
    file = built.plan.files.get(LEFT)
    if file is None:
        return
    frames = built.memory.table("frames")
    found = np.flatnonzero(frames["state"] == (KERNEL | MOVES))
    seed = sum(node.start.seed for node in built.cell.machine.nodes if node.start is not None)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(found))
    left_in_cache(built.memory.m, file.number, found[order].astype(np.int64), 0)
