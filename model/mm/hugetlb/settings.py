"""Pools of huge pages: what can be set, asked for and read."""

from collections.abc import Iterator
from typing import Annotated, Any

from mmrun.model.core.mechanism import CORE, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import PAGE, Nanoseconds

SMALL_PAGES = {"2MiB": 1 << 9, "1GiB": 1 << 18}  # in a page of each size, in the order of the pools


def has_pools(case: Case) -> bool:
    """Whether the cell has a pool, or a region that wants its pages."""
    cell = case.cell
    wanted = (region.hugetlb for task in cell.tasks.values() for region in task.memory)
    boot = any(node.hugepages or node.gigantic_pages for node in cell.machine.nodes)
    return boot or bool(cell.vm.nr_hugepages or cell.vm.nr_overcommit_hugepages) or any(wanted)


def pool_mapping(region: Any) -> Iterator[Fault]:
    """What a region cannot be when pools of huge pages back it."""
    if region.hugetlb is not None and (region.kind != "anon" or region.touched_every is not None):
        yield Fault(("hugetlb",), "pools of huge pages back anonymous memory", "write kind: anon")
    elif region.hugetlb is not None and region.size and region.size % (PAGE * SMALL_PAGES[region.hugetlb]):
        yield Fault(("size",), f"the mapping is of whole huge pages of {region.hugetlb}", "make it a multiple")
    if region.noreserve and region.hugetlb is None:
        yield Fault(("noreserve",), "only mappings of huge pages reserve them", "write hugetlb: 2MiB")


def aligned(memory: Any) -> Iterator[Fault]:
    """Mappings of huge pages in a task's memory that do not begin at a multiple of their size."""
    first: int | None = 0
    for index, region in enumerate(memory):
        pages = SMALL_PAGES[region.hugetlb] if region.hugetlb else 1
        if pages > 1 and (first is None or first % pages):
            what = f"what is before it is no multiple of {region.hugetlb}"
            yield Fault(("memory", index, "hugetlb"), what, "put it first")
        own = region.objects if region.kind == "slab" else region.size and -(-region.size // PAGE)
        first = None if first is None or own is None else first + own


HAS_POOLS = Matters("a cell with pools of huge pages", lambda case, _: has_pools(case))
HOOKS = {
    **hooks(
        CORE,
        61,
        ("hugetlb_fault", "task region page operation", "OK or OUT_OF_MEMORY"),
        ("hugetlb_unmap", "task region", "0, after every page of the mapping has gone back"),
        optional=True,
    ),
    **hooks(
        CORE,
        204,
        ("set_nr_hugepages", "task argument", "OK or OUT_OF_MEMORY; argument: pages, bit 39 for those of 1 GiB"),
        ("set_nr_overcommit", "task argument", "OK or OUT_OF_MEMORY; argument: pages of 2 MiB"),
        optional=True,
    ),
}

HUGETLB_COUNTERS = counters("""
htlb_buddy_alloc_success | none | huge pages that the buddy allocator had for a pool | events
htlb_buddy_alloc_fail | lower | huge pages that it had not | events
hugetlb_enomem | lower | mappings refused because their pages could not be reserved: the task ends | events
hugetlb_sigbus | lower | faults for which a pool had no page: the task ends | events
""")

COUNTERS = HUGETLB_COUNTERS  # of the machine
GAUGES = counters("""
HugePages_Total | none | pages of the 2 MiB pool, surplus ones included, when the run ends | huge pages
HugePages_Free | none | those that no mapping uses | huge pages
HugePages_Rsvd | none | those that are promised and not yet used | huge pages
HugePages_Surp | none | those beyond vm.nr_hugepages | huge pages
HugePages_Total_1G | none | pages of the 1 GiB pool when the run ends | gigantic pages
HugePages_Free_1G | none | those that no mapping uses | gigantic pages
HugePages_Rsvd_1G | none | those that are promised and not yet used | gigantic pages
Hugetlb | none | memory of all pools when the run ends | pages
hugetlb_vmemmap | none | pages of struct page that hugetlb_optimize_vmemmap gives back for the pools, beside memory
""")
TOLD = (Told("machine", GAUGES, sampled=True, when=has_pools),)

FIXED = {"nr_hugepages": "a stream's event set_nr_hugepages takes and gives back pages, in the time of its task"}


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    nr_hugepages: Annotated[int, Range(ge=0, le=1 << 20)] | None = None
    """Persistent huge pages of 2 MiB, taken before the first task runs from the nodes in turn; default 0."""
    nr_overcommit_hugepages: Annotated[int, Range(ge=0, le=1 << 20)] | None = None
    """Surplus pages of 2 MiB that mappings may have the pool grow by; default 0. Gigantic pages are never surplus."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_POOLS
    hugetlb_clear: Nanoseconds = 177_000
    """Clearing a page of 2 MiB, 11.8 GB/s page by page (90,000-180,000): Arora 2025, Milan."""
    hugetlb_clear_1g: Nanoseconds = 61_000_000
    """Clearing a page of 1 GiB, 17.5 GB/s (27-90 ms): the same posting."""


SUBJECTS = (
    Subject(
        "hugetlb",
        "Pools of huge pages: `machine.nodes.hugepages` and `gigantic_pages` at boot, vm.nr_hugepages, surplus ones by "
        "vm.nr_overcommit_hugepages; a region with `hugetlb: 2MiB` or `1GiB` maps them (MAP_HUGETLB, private).",
        ("nr_hugepages", "nr_overcommit_hugepages", "tasks.memory.hugetlb", "htlb_buddy_alloc_success"),
        ("hugetlbfs", "map_hugetlb", "gigantic pages", "hugepagesz", "hugetlb_optimize_vmemmap", "hvo"),
    ),
)
