"""TLBs of a machine record: the arrays of the machine's description, an empty one a CPU."""

from collections.abc import Iterable

from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.tlb.cores import CORES, GIANT_AS_HUGE, Array, Core
from mmrun.model.mm.tlb.settings import Tlb
from mmrun.model.mm.tlb.state import HUGE, LEVEL_2, SIZE_SHIFT, tlb_arrays, tlb_settings
from mmrun.model.units import MiB

SIZES = ("4KiB", "2MiB", "1GiB")


def described(tlb: Tlb) -> Core:
    """The arrays and the cache that a description comes to."""
    known = CORES[tlb.core] if tlb.core else Core((), (), MiB)
    l1, l2 = (known.l1 if tlb.l1 is None else _arrays(tlb.l1)), (known.l2 if tlb.l2 is None else _arrays(tlb.l2))
    return Core(l1, l2, known.cache if tlb.cache is None else tlb.cache)


def _arrays(given: Iterable) -> tuple[Array, ...]:
    return tuple(Array(each.entries, each.ways, tuple(each.holds)) for each in given)


def _used(array: Array) -> int:
    """Entries of an array that are in whole sets."""
    return array.entries - array.entries % (array.ways or array.entries)


def rows(plan: Plan) -> dict[str, int | tuple[int, int]]:
    """How many rows each table has; hardly any where no TLB is described."""
    tlb = plan.cell.machine.tlb
    if tlb is None:
        return {"tlb_arrays": 0, "tlb_entries": (0, 0), "page_sizes": 0, "tables_seen": 0, "address_spaces": 0,
                "loaded": 0}  # fmt: skip
    core, leaves = described(tlb), plan.ptes // 512 + 1
    return {
        "tlb_arrays": 2 * LEVEL_2, "tlb_entries": (plan.cpus, sum(map(_used, (*core.l1, *core.l2)))),
        "page_sizes": leaves, "tables_seen": leaves, "address_spaces": len(plan.tasks), "loaded": plan.cpus,
    }  # fmt: skip


def place(built: Built) -> None:
    """Lay out the arrays one behind the other."""
    m, tlb, first = built.memory.m, built.cell.machine.tlb, 0
    if tlb is None:
        return
    core, s = described(tlb), tlb_settings(m)
    s.translates, s.cache, s.guest = 1, core.cache, int(tlb.guest)
    for level, arrays in ((0, core.l1), (LEVEL_2, core.l2)):
        for array in arrays:
            ways = array.ways or array.entries
            for name in array.holds:
                size = SIZES.index(name.partition("-")[0])
                row, size_in_tag = tlb_arrays(m)[level + size], HUGE if name == GIANT_AS_HUGE else size
                row.first, row.sets, row.ways = first, array.entries // ways, ways
                row.tag, row.shift = size_in_tag, SIZE_SHIFT * size_in_tag
            first += _used(array)
