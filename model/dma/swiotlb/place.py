"""The bounce pool of a machine record."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.dma.swiotlb.boot import Boot, parts_of, pool_of_boot
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.pools import boot_pool, swiotlb_dyn_alloc
from mmrun.model.dma.swiotlb.state import (
    CALENDAR,
    GROWN,
    LARGEST_GROWN,
    SEGMENT,
    SLOT,
    TRANSIENT,
    swiotlb_settings,
    swiotlb_state,
)
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.page.flags import BOUNCE_PAGE
from mmrun.model.units import PAGE, GiB


def grows(plan: Plan) -> bool:
    """Whether the pool grows when it is full."""
    return plan.cell.machine.swiotlb.dynamic and bool(era(plan.cell.kernel).flags["swiotlb_dynamic"])


def _boot(plan: Plan) -> Boot | None:
    return pool_of_boot(plan.cell, plan.modules)


def areas_of_boot(plan: Plan, boot: Boot) -> int:
    """Areas of the pool as it came out, of a segment at least."""
    areas = parts_of(plan.cell)
    while areas > 1 and boot.slabs // areas < SEGMENT:
        areas //= 2
    return areas


def _grown_areas(plan: Plan, boot: Boot) -> int:
    return min(areas_of_boot(plan, boot), LARGEST_GROWN // SEGMENT)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has: those of pools that may be added are never touched unless they are."""
    boot = _boot(plan)
    if boot is None:
        return {"io_tlb_pools": 0}
    pools, areas, slots = 1, areas_of_boot(plan, boot), boot.slabs
    locks = areas
    if grows(plan):
        pools += GROWN + TRANSIENT
        locks += GROWN * _grown_areas(plan, boot)
        areas = locks + TRANSIENT
        slots += GROWN * LARGEST_GROWN + TRANSIENT * SEGMENT
    return {"io_tlb_pools": pools, "io_tlb_areas": areas, "io_tlb_slots": slots, "swiotlb_calendars": locks * CALENDAR}


def actors(plan: Plan) -> dict[str, int]:
    """Who makes the pool larger."""
    return {"swiotlb": 1} if _boot(plan) and grows(plan) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The same."""
    return (swiotlb_dyn_alloc,) if _boot(plan) and grows(plan) else ()


def place(built: Built) -> None:
    """Fill the pool of boot; give rows of those that may come their slots and areas."""
    m, plan, machine = built.memory.m, built.plan, built.cell.machine
    own, state = swiotlb_settings(m), swiotlb_state(m)
    state.pools = state.spare = NONE
    if machine.pci_hole:
        own.hole, own.hole_from = machine.pci_hole, (4 * GiB - machine.pci_hole) // PAGE
    boot = _boot(plan)
    if boot is None:
        return
    own.forced = int(machine.swiotlb.force == "force" or machine.swiotlb.confidential)
    own.grows = int(grows(plan))
    _rows(built, boot)
    boot_pool(m, boot.first, boot.slabs, areas_of_boot(plan, boot))
    if boot.overflow:
        first = boot.first + boot.slabs * SLOT // PAGE
        state.overflow = pfn_to_dma(m, first)
        built.memory.table("frames")["kind"][first : first + boot.overflow] = BOUNCE_PAGE


def _rows(built: Built, boot: Boot) -> None:
    """Where slots and areas of each pool begin, and their locks; rows for transient pools form a chain."""
    plan, pools, areas = built.plan, built.memory.table("io_tlb_pools"), built.memory.table("io_tlb_areas")
    areas["lock"] = NONE
    slot = area = lock = 0
    for p in range(len(pools)):
        grown, transient = 0 < p <= GROWN, p > GROWN
        pools[p]["slot"], pools[p]["area"], pools[p]["transient"] = slot, area, transient
        own = 1 if transient else _grown_areas(plan, boot) if grown else areas_of_boot(plan, boot)
        slot += SEGMENT if transient else LARGEST_GROWN if grown else boot.slabs
        for a in range(area, area + own) if not transient else ():
            areas[a]["lock"] = lock
            lock += 1
        area += own
        if transient:
            pools[p]["next"] = p + 1 if p + 1 < len(pools) else NONE
    if len(pools) > 1 + GROWN:
        swiotlb_state(built.memory.m).spare = 1 + GROWN
