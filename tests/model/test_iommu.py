"""IOMMUs: what tables, units and their invalidations do, against vectors worked out by hand and published figures."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR, FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.iommu.dma_iommu import iommu_dma_map, iommu_dma_unmap
from mmrun.model.dma.iommu.invalidate import (
    amd_mask,
    invalidate_range,
    iotlb_sync,
    psi_mask,
    range_commands,
)
from mmrun.model.dma.iommu.map import iommu_map, iommu_unmap, iova_to_pfn
from mmrun.model.dma.iommu.page_table import free_chain
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iommu.state import (
    PROT,
    iommu_domains,
    iommu_settings,
    iotlb_of,
)
from mmrun.model.dma.iommu.translate import device_access
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, NOWARN
from mmrun.model.mm.page.state import frames
from mmrun.model.units import MiB
from tests.model.iommu_cells import PAGE, counted, devices, flush, lawful

GHZ = 3.1  # of the machine of Malka et al.


@pytest.mark.parametrize(
    ("first", "pages", "mask"),
    [(0xFFFFF, 1, 0), (0xFFFFE, 2, 1), (0xFFFFD, 2, 2), (0x1000, 3, 2), (0x1003, 2, 3), (0x10, 16, 4), (0x18, 16, 6),
     (0x1FF, 2, 10), (0xFFF, 2, 13)],
)  # fmt: skip
def test_the_region_of_an_invalidation_covers_its_range(first: int, pages: int, mask: int):
    assert psi_mask(first, pages, True) == mask


@pytest.mark.parametrize("first", range(0, 70, 3))
@pytest.mark.parametrize("pages", [1, 2, 3, 5, 8, 13, 31])
def test_regions_are_the_least_aligned_ones(first: int, pages: int):
    """By trying: the smallest aligned power of two, no less than the size rounded up, that holds both ends."""
    last = first + pages - 1
    least = next(k for k in range(64) if 1 << k >= pages and first >> k == last >> k)
    assert psi_mask(first, pages, True) == least
    assert amd_mask(first, pages) == next(k for k in range(64) if first >> k == last >> k)


def test_before_5_18_misaligned_ranges_were_not_widened():
    assert psi_mask(0x1003, 2, False) == 1 and psi_mask(0x1000, 3, False) == 2


@pytest.mark.parametrize(("pages", "ranges", "commands"), [(16, False, 16), (16, True, 1), (31, True, 1),
                                                           (33, True, 2), (1, True, 1), (0x421, True, 3)])  # fmt: skip
def test_commands_of_an_smmu(pages: int, ranges: bool, commands: int):
    assert range_commands(pages, ranges) == commands


def held(built: Built, iova: int) -> bool:
    """Whether the unit translates a page without a walk."""
    before = int(counted(built).iotlb_hits)
    device_access(built.memory.m, 0, iova * PAGE, 8, 0)
    return int(counted(built).iotlb_hits) > before


@pytest.mark.parametrize(("unit", "lost"), [
    (Iommu(), range(0x1000, 0x1008)), (Iommu(kind="amd"), range(0x1000, 0x1008)),
    (Iommu(kind="smmu"), range(0x1003, 0x1005)), (Iommu(max_amask=2), range(0x0FF8, 0x1010)),
])  # fmt: skip
def test_an_invalidation_takes_neighbours_along(unit: Iommu, lost: range):
    """1003 and 1004 are unmapped; whose translations go beside theirs depends on how the unit names a region."""
    built = devices(units={"u": unit})
    m = built.memory.m
    pages = list(range(0x0FF8, 0x1010))
    assert iommu_map(m, 0, pages[0], 300, len(pages), PROT) == 0
    for page in pages:
        device_access(m, 0, page * PAGE, 8, 0)
    iotlb_sync(m, 0, 0x1003, 2, iommu_unmap(m, 0, 0x1003, 2))
    others = [page for page in pages if page not in (0x1003, 0x1004)]
    assert {page for page in others if not held(built, page)} == {page for page in lost if page in others}
    assert counted(built).iotlb_collateral == len(lost) - 2


def test_costs_are_those_of_the_published_table():
    """Malka et al., table 1, strict: what is this package's of a map and an unmap of a page."""
    built = devices("strict")
    m = built.memory.m
    iommu_map(m, 0, 0x1000, 200, 1, PROT)  # its tables are there
    at = int(m.now)
    iommu_map(m, 0, 0x1001, 201, 1, PROT)
    assert (m.now - at) * GHZ == pytest.approx(588, abs=2)
    at = int(m.now)
    tables = iommu_unmap(m, 0, 0x1001, 1)
    assert (m.now - at) * GHZ == pytest.approx(438, abs=2)
    at = int(m.now)
    iotlb_sync(m, 0, 0x1001, 1, tables)
    assert (m.now - at) * GHZ == pytest.approx(2127, abs=2)
    cost = iommu_settings(m)
    assert cost.iommu_map_other * GHZ == pytest.approx(44, abs=2)
    assert cost.iommu_unmap_other * GHZ == pytest.approx(26, abs=2)


def test_large_pages_where_addresses_and_memory_allow():
    built = devices(mib=256)
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    assert iommu_map(m, 0, 1 << 12, 512 * 3, 1024 + 5, PROT) == 0
    assert counted(built).iommu_large_pages == 2 and d.tables == 4 and d.pages == 1029
    assert [iova_to_pfn(m, 0, (1 << 12) + i) for i in (0, 511, 512, 1023, 1024, 1028)] == [
        512 * 3 + i for i in (0, 511, 512, 1023, 1024, 1028)
    ]
    assert iova_to_pfn(m, 0, (1 << 12) + 1029) == NONE
    at = device_access(m, 0, 1 << 24, 4 * MiB, 1)
    assert at == 2 * 330 + 90 * 2 and counted(built).iotlb_misses == 2  # upper levels are known after the first
    lawful(built)
    tables = iommu_unmap(m, 0, 1 << 12, 1029)
    assert tables == NONE and d.pages == 0
    iotlb_sync(m, 0, 1 << 12, 1029, tables)
    lawful(built)


@pytest.mark.parametrize(("kind", "left"), [("intel", 3), ("smmu", 3), ("amd", 4)])
def test_a_table_goes_when_an_unmap_covers_it(kind: str, left: int):
    built = devices(units={"u": Iommu(kind=kind)}, mib=64)  # type: ignore[arg-type]
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    iommu_map(m, 0, 512, 1001, 512, PROT)
    assert d.tables == 4
    for first, pages in ((512, 200), (712, 312)):  # all of it, but not at once
        iotlb_sync(m, 0, first, pages, iommu_unmap(m, 0, first, pages))
    assert d.tables == 4 and d.pages == 0
    iommu_map(m, 0, 512, 1001, 512, PROT)
    tables = iommu_unmap(m, 0, 512, 512)
    assert d.tables == 4  # not before the unit has forgotten it
    lawful(built)
    iotlb_sync(m, 0, 512, 512, tables)
    assert d.tables == left
    lawful(built)


def test_tables_below_tables_go_too():
    built = devices(mib=64)
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    gib = 1 << 18
    for first in (gib, gib + 600, 2 * gib - 1):
        iommu_map(m, 0, first, 1001, 1, PROT)
    assert d.tables == 6
    d.pages += gib - 3  # as if all of it were mapped
    iotlb_sync(m, 0, gib, gib, iommu_unmap(m, 0, gib, gib))
    assert d.tables == 2 and d.pages == 0
    lawful(built)


def test_to_3_14_tables_are_freed_before_the_unit_forgets_them():
    built = devices(kernel="3.6")
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    iommu_map(m, 0, 512, 1001, 512, PROT)
    assert iommu_unmap(m, 0, 512, 512) == NONE and d.tables == 3


def test_a_large_page_replaces_an_empty_table():
    built = devices(mib=64)
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    iommu_map(m, 0, 512, 1001, 1, PROT)
    iotlb_sync(m, 0, 512, 1, iommu_unmap(m, 0, 512, 1))
    before = int(counted(built).qi_submit)
    iommu_map(m, 0, 512, 1024, 512, PROT)
    assert d.tables == 3 and counted(built).qi_submit == before + 1 and iova_to_pfn(m, 0, 1023) == 1535
    lawful(built)


def exhaust(m: Any) -> None:
    """Take every page that an atomic request can have."""
    while (pfn := alloc_pages(m, GFP_ATOMIC | NOWARN, 0, 0, -1)) != NONE:
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0


def test_without_a_page_for_a_table_nothing_is_mapped():
    built = devices(mib=8)
    m, d = built.memory.m, iommu_domains(built.memory.m)[0]
    assert iommu_dma_map(m, 0, 100, 0, 4096, TO_DEVICE) != DMA_ERROR
    tables = int(d.tables)
    exhaust(m)
    assert iommu_map(m, 0, 1 << 20, 100, 600, PROT) < 0 and d.pages == 1
    assert iommu_map(m, 0, (1 << 18) - 2, 100, 600, PROT) < 0
    assert d.pages == 1 and d.tables == tables and counted(built).iommu_map_failed == 2
    lawful(built)


def test_the_least_recently_used_translation_makes_room():
    built = devices(units={"u": Iommu(iotlb=8, iotlb_ways=2)})
    m = built.memory.m
    iommu_map(m, 0, 0x1000, 300, 64, PROT)
    for page in (0, 4, 8):  # of one set: 0 goes
        device_access(m, 0, (0x1000 + page) * PAGE, 8, 0)
    assert [held(built, 0x1000 + page) for page in (8, 4)] == [True, True]
    assert not held(built, 0x1000)  # and takes the place of 8
    assert held(built, 0x1004) and not held(built, 0x1008)


def test_a_walk_begins_below_what_the_unit_knows():
    built = devices(units={"u": Iommu(walk_cache=4)})
    m = built.memory.m
    for first in (0x1000, 0x1200, 0x41000):
        iommu_map(m, 0, first, 300, 2, PROT)
    waits = [device_access(m, 0, page * PAGE, 8, 0) for page in (0x1000, 0x1001, 0x1200, 0x41000)]
    assert waits == [330 + 3 * 90, 330, 330 + 90, 330 + 2 * 90]


def test_devices_share_an_iotlb_or_not():
    for kind, shared, same in (("intel", None, True), ("smmu", None, False), ("smmu", True, True)):
        built = devices(units={"u": Iommu(kind=kind, shared=shared)}, own={"a": {}, "b": {}})  # type: ignore[arg-type]
        of = iotlb_of(built.memory.m)["tlb"]
        assert bool(of[0] == of[1]) is same


def test_what_is_unmapped_is_stale_as_long_as_the_unit_holds_it_and_a_fault_then():
    built = devices("lazy")
    m = built.memory.m
    known, unknown = (iommu_dma_map(m, 0, pfn, 0, 4096, FROM_DEVICE) for pfn in (100, 101))
    device_access(m, 0, known, 4096, 1)
    for address in (known, unknown):
        iommu_dma_unmap(m, 0, address, 4096)
    device_access(m, 0, known, 4096, 1)
    assert (counted(built).dma_stale, counted(built).io_page_faults) == (1, 0)
    device_access(m, 0, unknown, 4096, 1)  # nothing has ever asked for it
    assert (counted(built).dma_stale, counted(built).io_page_faults) == (1, 1)
    flush(built)
    device_access(m, 0, known, 4096, 1)
    assert (counted(built).dma_stale, counted(built).io_page_faults) == (1, 2)
    assert dma_devices(m)[0].faults == 2


def test_a_device_may_do_what_its_mapping_is_for():
    built = devices("strict")
    m = built.memory.m
    sent = iommu_dma_map(m, 0, 100, 0, 64, TO_DEVICE)
    device_access(m, 0, sent, 64, 0)
    assert counted(built).io_page_faults == 0
    device_access(m, 0, sent, 64, 1)
    assert counted(built).io_page_faults == 1 and counted(built).dma_stale == 0


def test_invalidations_of_several_cpus_wait_for_each_other():
    built = devices("strict", cpus=4)
    m = built.memory.m
    iommu_map(m, 0, 0x1000, 300, 8, PROT)
    ends = []
    for _ in range(4):
        m.now = 1_000_000
        invalidate_range(m, 0, 0x1000, 1, 0)
        ends.append(int(m.now) - 1_000_000)
    assert ends == pytest.approx([686 * n for n in range(1, 5)], abs=128)  # a calendar has slots of 512 ns
    assert counted(built).iommu_wait_ns == sum(ends) - 4 * 686


def test_a_chain_is_freed_table_by_table():
    built = devices()
    free_chain(built.memory.m, NONE)
    assert np.all(built.memory.table("iommu_tables")["frame"] == 0)
