"""Coherent memory of a machine record: atomic pools and the block layer's reserve, filled at boot."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell
from mmrun.model.dma.device.settings import DiskController
from mmrun.model.dma.direct.atomic import atomic_pool_expand, atomic_pool_work
from mmrun.model.dma.direct.bounce import fill_reserve
from mmrun.model.dma.direct.state import (
    ATOMIC_POOLS,
    BLOCK_PAGES,
    BLOCK_POOLS,
    BLOCKS,
    CHUNKS,
    POOL_KERNEL,
    atomic_chunks,
    atomic_pools,
    direct_settings,
    direct_state,
)
from mmrun.model.eras import era
from mmrun.model.machine import numa
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.page.state import MAX_ORDER
from mmrun.model.units import PAGE, GiB, KiB

LARGEST = 1 << MAX_ORDER - 1  # pages of a block


def has_atomic_pools(cell: Cell) -> bool:
    """Whether anybody's coherent memory needs a mapping of its own, for which pools are made ready."""
    machine = cell.machine
    own = any(not machine.devices[name].coherent for name in machine.use)
    return bool(machine.use) and (own or machine.swiotlb.confidential)


def atomic_pages(cell: Cell) -> int:
    """Pages that each atomic pool begins with (dma_atomic_pool_init)."""
    if fixed := int(era(cell.kernel).flags["atomic_pool_bytes"]):
        return fixed // PAGE
    pages = sum(node.memory for node in cell.machine.nodes) // PAGE // (GiB // (128 * KiB))
    return max(min(pages, LARGEST), 128 * KiB // PAGE)


def _grow(cell: Cell) -> bool:
    return has_atomic_pools(cell) and bool(era(cell.kernel).flags["atomic_pools_grow"])


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    if not plan.cell.machine.use:
        return {"dma_pools": 0}
    pools = {"dma_pools": BLOCK_POOLS, "dma_pool_pages": BLOCK_PAGES, "dma_blocks": BLOCKS}
    if not has_atomic_pools(plan.cell):
        return pools
    return {**pools, "atomic_pools": ATOMIC_POOLS, "atomic_chunks": CHUNKS, "atomic_bits": CHUNKS * LARGEST}


def actors(plan: Plan) -> dict[str, int]:
    """Who makes atomic pools larger."""
    return {"atomic_pool": 1} if _grow(plan.cell) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The same."""
    return (atomic_pool_work,) if _grow(plan.cell) else ()


def place(built: Built) -> None:
    """What the version and the machine decide."""
    m, own = built.memory.m, direct_settings(built.memory.m)
    own.lent = int(built.modules["contiguous"].AREA == "lent" and own.dma_cma)
    own.encrypted = int(built.cell.machine.swiotlb.confidential)
    direct_state(m).spare = NONE


def start(built: Built) -> None:
    """Fill pools and reserve, while all memory is free."""
    m, cell, machine = built.memory.m, built.cell, built.cell.machine
    if not machine.use:
        return
    began = m.now
    if has_atomic_pools(cell):
        _atomic(built)
    controllers = [d for name in machine.use if isinstance(d := machine.devices[name], DiskController)]
    if direct_settings(m).isa_bounce and any(d.dma_mask_bits < 32 for d in controllers):
        fill_reserve(m)
    m.now = began  # boot takes no time


def _atomic(built: Built) -> None:
    m, cell = built.memory.m, built.cell
    pages = atomic_pages(cell)
    direct_state(m).atomic_unit = pages
    for c in range(CHUNKS):
        atomic_chunks(m)[c].bit = c * LARGEST
    kinds = {zone.kind for zone in numa.zones_of(cell.machine)}
    wanted = {POOL_KERNEL} if not direct_settings(m).atomic_pools_grow else {POOL_KERNEL, *kinds & {0, 1}}
    for pool in range(ATOMIC_POOLS):
        atomic_pools(m)[pool].chunk = NONE
    for pool in sorted(wanted, reverse=True):
        atomic_pools(m)[pool].live = 1
        atomic_pool_expand(m, pool, pages)
