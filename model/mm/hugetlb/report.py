"""What is told of pools: the lines of /proc/meminfo."""

from mmrun.model.core.mechanism import Case
from mmrun.model.machine.built import Built
from mmrun.model.mm.hugetlb.settings import has_pools
from mmrun.model.mm.hugetlb.state import GIB1, MIB2, ORDERS, hugetlb_settings, pools

STRUCT_PAGES = 64  # in a page: 64 bytes each


def sampled(built: Built) -> dict[str, int]:
    """Both pools; nothing where the cell has none."""
    if not has_pools(Case(built.cell, {}, {})):
        return {}
    m, found = built.memory.m, dict[str, int]()
    huge, giant = pools(m)[MIB2], pools(m)[GIB1]
    found["HugePages_Total"], found["HugePages_Free"] = int(huge.nr), int(huge.free)
    found["HugePages_Rsvd"], found["HugePages_Surp"] = int(huge.resv), int(huge.surplus)
    found["HugePages_Total_1G"], found["HugePages_Free_1G"] = int(giant.nr), int(giant.free)
    found["HugePages_Rsvd_1G"] = int(giant.resv)
    found["Hugetlb"] = sum(int(pools(m)[size].nr) << ORDERS[size] for size in (MIB2, GIB1))
    return found | {"hugetlb_vmemmap": vmemmap_freed(m)}


def vmemmap_freed(m) -> int:
    """Pages of struct page that the pools would give back: all but those a huge page keeps."""
    kept = int(hugetlb_settings(m).hugetlb_vmemmap_kept)
    if kept == 0:
        return 0
    return sum(int(pools(m)[size].nr) * ((1 << ORDERS[size]) // STRUCT_PAGES - kept) for size in (MIB2, GIB1))
