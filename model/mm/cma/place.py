"""Contiguous memory areas of a machine record."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.cma.areas import areas_of, wanted
from mmrun.model.mm.cma.requests import contig_alloc, contig_release
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.page import buddy
from mmrun.model.mm.page.flags import CMA
from mmrun.model.mm.page.state import alloc_settings, zones
from mmrun.model.units import PAGE_SHIFT


def stat_threshold(managed: int, cpus: int) -> int:
    """Pages by which a CPU's counts of a zone may be behind (calculate_normal_threshold)."""
    return min(125, 2 * cpus.bit_length() * (1 + (managed >> 27 - PAGE_SHIFT).bit_length()))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    areas = areas_of(plan.cell, plan.modules)
    return {"cma_areas": len(areas), "cma_bitmap": sum(area.pages for area in areas)}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Requests for contiguous memory; where nobody makes any they need not be compiled."""
    return (contig_alloc, contig_release) if wanted(plan.cell) else ()


def place(built: Built) -> None:
    """Number the areas; those that are lent go to the free lists, pageblock by pageblock (cma_init_reserved_areas)."""
    m, bit, lent = built.memory.m, 0, built.modules["contiguous"].AREA == "lent"
    frames, rule = built.memory.table("frames"), int(built.cell.policy["contiguous"].params.get("rule", 0))
    if rule:
        alloc_settings(m).cma_rule = rule
    for a, area in enumerate(areas_of(built.cell, built.modules)):
        row = cma_areas(m)[a]
        row.first, row.pages, row.bit, row.zone, row.node = area.first, area.pages, bit, area.zone, area.node
        row.available, bit = area.pages, bit + area.pages
        blocks = range(area.first >> buddy.PAGEBLOCK_ORDER, area.first + area.pages >> buddy.PAGEBLOCK_ORDER)
        if not lent:
            continue
        zones(m)[area.zone].stat_threshold = stat_threshold(int(zones(m)[area.zone].managed), built.plan.cpus)
        own = frames[area.first : area.first + area.pages]
        own["state"] = own["kind"] = 0
        own["next"] = own["prev"] = NONE
        for block in blocks:
            built.memory.table("pageblocks")[block] = CMA
            buddy.free_block(m, area.zone, block << buddy.PAGEBLOCK_ORDER, buddy.PAGEBLOCK_ORDER)
