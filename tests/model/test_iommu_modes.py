"""IOMMUs: modes and groups, lists of pages, what devices can reach that they should not, and how kernels differ."""

from typing import Any

import pytest

from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.iommu.dma_iommu import iommu_dma_map, iommu_dma_unmap
from mmrun.model.dma.iommu.map import iommu_map, iova_to_pfn
from mmrun.model.dma.iommu.map_sg import iommu_dma_map_sg, iommu_dma_unmap_sg
from mmrun.model.dma.iommu.report import metrics, sampled
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iommu.state import (
    IDENTITY,
    LAZY,
    PROT,
    STRICT,
    iommu_domains,
    iommu_settings,
)
from mmrun.model.dma.iommu.translate import device_access
from mmrun.model.dma.mapping.state import scatterlist
from mmrun.model.units import KiB
from tests.model.iommu_cells import PAGE, counted, devices, fill, flush, lawful


def test_exposure_is_bytes_by_time_from_unmap_to_invalidation():
    built = devices("lazy")
    m = built.memory.m
    first, second = (iommu_dma_map(m, 0, 100 + i, 0, 4096, TO_DEVICE) for i in range(2))
    iommu_dma_unmap(m, 0, first, 4096)
    began = int(m.now)
    m.now += 1000
    iommu_dma_unmap(m, 0, second, 4096)
    again, late = int(m.now), int(iommu_settings(m).iommu_unmap_other)
    m.now += 5000
    assert sampled(built)["dma_exposed_bytes"] == 8192
    flush(built)
    told = metrics(built)
    # A range is within reach from when its entry is cleared; the rest of the unmap comes after that.
    rest = told["dma_exposure_byte_ns"] - 4096 * (int(m.now) - began + int(m.now) - again)
    assert 0 <= rest <= 2 * 4096 * (late + 100)
    assert told["dma_exposure_ns"] == pytest.approx(told["dma_exposure_byte_ns"] / 8192)
    m.now += 10_000
    assert metrics(built)["dma_exposure_byte_ns"] == told["dma_exposure_byte_ns"]


def test_strict_exposes_for_an_invalidation_and_no_longer():
    built = devices("strict")
    m = built.memory.m
    for i in range(10):
        iommu_dma_unmap(m, 0, iommu_dma_map(m, 0, 100 + i, 0, 4096, TO_DEVICE), 4096)
        m.now += 10_000
    assert metrics(built)["dma_exposure_ns"] == 686 + 8


def test_what_lies_beside_a_buffer_on_its_page_is_told_apart():
    built = devices("strict")
    m = built.memory.m
    address = iommu_dma_map(m, 0, 100, 100, 1500, TO_DEVICE)
    at = int(m.now)
    m.now += 777
    iommu_dma_unmap(m, 0, address, 1500)
    told = metrics(built)
    assert told["dma_subpage_byte_ns"] == (4096 - 1500) * (777 + 141) and m.now > at


def test_groups_share_a_domain_and_modes_are_their_own():
    shared = {"group": "g", "iommu_mode": "strict"}
    own: dict[str, dict[str, Any]] = {
        "a": shared, "b": shared, "c": {"iommu_mode": "passthrough"}, "d": {"untrusted": True}, "e": {},
        "f": {"iommu": None},
    }  # fmt: skip
    built = devices("lazy", own=own)
    m = built.memory.m
    rows = [dma_devices(m)[n] for n in range(6)]
    assert [int(row.domain) for row in rows[:5]] == [0, 0, 1, 2, 3]
    assert [int(iommu_domains(m)[d].kind) for d in range(4)] == [STRICT, IDENTITY, STRICT, LAZY]
    assert device_access(m, 2, 123 * PAGE, 64, 1) == 0 and counted(built).io_page_faults == 0


@pytest.mark.parametrize(("kind", "expected"), [("intel", LAZY), ("amd", LAZY), ("smmu", STRICT), ("virtio", STRICT)])
def test_as_kernels_are_built(kind: str, expected: int):
    built = devices("as-built", units={"u": Iommu(kind=kind)})  # type: ignore[arg-type]
    assert iommu_domains(built.memory.m)[0].kind == expected


def test_a_list_is_one_range_and_its_segments_are_joined():
    built = devices("strict")
    m = built.memory.m
    n = fill(built, *[(100 + 2 * i, 0, PAGE) for i in range(40)])
    assert iommu_dma_map_sg(m, 0, 0, n, TO_DEVICE) == -(-40 * PAGE // (64 * KiB))
    segments = [(int(e.address), int(e.length)) for e in scatterlist(m)[:3]]
    assert [length for _, length in segments] == [65536, 65536, 32768]
    assert segments[1][0] == segments[0][0] + 65536 and scatterlist(m)[3].length == 0
    first = segments[0][0] // PAGE
    assert [iova_to_pfn(m, 0, first + i) for i in range(41)] == [*(100 + 2 * i for i in range(40)), NONE]
    assert counted(built).iommu_map == 40
    iommu_dma_unmap_sg(m, 0, 0, n)
    assert iommu_domains(m)[0].pages == 0 and counted(built).iommu_unmap == 1


def test_adjacent_pages_of_a_list_are_mapped_at_once():
    built = devices("strict")
    n = fill(built, *[(100 + i, 0, PAGE) for i in range(16)])
    iommu_dma_map_sg(built.memory.m, 0, 0, n, TO_DEVICE)
    assert counted(built).iommu_map == 1


@pytest.mark.parametrize(("kernel", "kind", "segments"), [("3.6", "intel", 16), ("5.10", "intel", 16),
                                                          ("5.11", "intel", 1), ("5.5", "amd", 1), ("5.4", "amd", 16),
                                                          ("5.4", "smmu", 1)])  # fmt: skip
def test_who_joins_segments_and_since_when(kernel: str, kind: str, segments: int):
    built = devices("strict", units={"u": Iommu(kind=kind)}, kernel=kernel)  # type: ignore[arg-type]
    n = fill(built, *[(100 + 3 * i, 0, PAGE) for i in range(16)])
    assert iommu_dma_map_sg(built.memory.m, 0, 0, n, TO_DEVICE) == segments


def test_segments_end_where_pages_are_not_whole_and_at_boundaries():
    built = devices("strict", own={"d": {"segment_boundary": 16 * KiB}})
    m = built.memory.m
    n = fill(built, (100, 0, PAGE), (102, 0, 1000), (104, 0, PAGE), (106, 512, PAGE), (109, 0, PAGE), (200, 0, 12288))
    assert iommu_dma_map_sg(m, 0, 0, n, TO_DEVICE) == 5
    segments = [(int(e.address) & 0xFFFFF, int(e.length)) for e in scatterlist(m)[:5]]
    # Page 4 on: 106's two pages would cross 16 KiB, so a page is left out before them, and one before the last three.
    base = segments[0][0]
    assert [(at - base, size) for at, size in segments] == [
        (0, PAGE + 1000), (2 * PAGE, PAGE), (4 * PAGE + 512, PAGE), (6 * PAGE, PAGE), (8 * PAGE, 12288)
    ]  # fmt: skip
    iommu_dma_unmap_sg(m, 0, 0, n)
    assert iommu_domains(m)[0].pages == 0 and iommu_domains(m)[0].beside == 0


def test_a_hypervisors_unit_is_asked_at_each_map_and_keeps_the_tables_itself():
    built = devices("lazy", units={"u": Iommu(kind="virtio")})
    m = built.memory.m
    for i in range(8):
        iommu_dma_unmap(m, 0, iommu_dma_map(m, 0, 100 + i, 0, 4096, TO_DEVICE), 4096)
    assert counted(built).qi_submit == 8 and sampled(built)["nr_iommu_pages"] == 0
    flush(built)
    assert counted(built).qi_submit == 9  # a map's request takes unmaps along that wait
    lawful(built)


def test_what_a_hypervisor_was_told_is_out_of_reach():
    built = devices("lazy", units={"u": Iommu(kind="virtio")})
    m = built.memory.m
    address = iommu_dma_map(m, 0, 100, 0, 4096, TO_DEVICE)
    device_access(m, 0, address, 8, 0)
    iommu_dma_unmap(m, 0, address, 4096)
    device_access(m, 0, address, 8, 0)
    assert counted(built).dma_stale == 1 and sampled(built)["dma_exposed_bytes"] == 4096
    iommu_dma_map(m, 0, 101, 0, 4096, TO_DEVICE)
    assert sampled(built)["dma_exposed_bytes"] == 0
    device_access(m, 0, address, 8, 0)
    assert (counted(built).dma_stale, counted(built).io_page_faults) == (1, 1)


@pytest.mark.parametrize(("kind", "submitted"), [("intel", 1), ("amd", 3)])
def test_an_emulated_unit_is_told_of_each_map(kind: str, submitted: int):
    """Pages 0x1003 to 0x1006: VT-d names the region around them, AMD 1003, 1004 to 1005, 1006."""
    built = devices(units={"u": Iommu(kind=kind, caching_mode=True)})  # type: ignore[arg-type]
    iommu_map(built.memory.m, 0, 0x1003, 300, 4, PROT)
    assert counted(built).qi_submit == submitted


def test_to_4_13_a_flush_is_of_the_whole_unit():
    for kernel, left in (("4.13", False), ("4.14", True)):
        built = devices("lazy", own={"a": {}, "b": {}}, kernel=kernel)
        m = built.memory.m
        here, there = (iommu_dma_map(m, n, 100, 0, 4096, TO_DEVICE) for n in range(2))
        device_access(m, 1, there, 8, 0)
        iommu_dma_unmap(m, 0, here, 4096)
        flush(built)
        before = int(counted(built).iotlb_hits)
        device_access(m, 1, there, 8, 0)
        assert (int(counted(built).iotlb_hits) > before) is left


def test_persistent_identity_maps_a_page_once_and_leaves_it():
    built = devices("identity")
    m = built.memory.m
    for _ in range(5):
        both = [iommu_dma_map(m, 0, 100, offset, 1000, FROM_DEVICE) for offset in (0, 2000)]
        assert both == [100 * PAGE, 100 * PAGE + 2000]
        for address in both:
            iommu_dma_unmap(m, 0, address, 1000)
        m.now += 100
    assert counted(built).iommu_map == 1 and counted(built).qi_submit == 0
    assert sampled(built)["dma_exposed_bytes"] == PAGE and metrics(built)["dma_exposure_byte_ns"] >= 5 * 100 * PAGE
    device_access(m, 0, 100 * PAGE, 64, 1)
    assert counted(built).io_page_faults == 0  # that is its price
    lawful(built)


def test_shadow_buffers_are_used_again_and_expose_nothing():
    built = devices("shadow-copy")
    m = built.memory.m
    seen = set()
    for i in range(20):
        address = iommu_dma_map(m, 0, 100 + i, 100, 1500, FROM_DEVICE)
        seen.add(address)
        device_access(m, 0, address, 1500, 1)
        iommu_dma_unmap(m, 0, address, 1500)
    assert len(seen) == 1 and counted(built).shadow_copied_bytes == 20 * 1500
    assert sampled(built)["shadow_pages"] == 1 and metrics(built)["dma_exposure_byte_ns"] == 0
    big = iommu_dma_map(m, 0, 100, 0, 128 * KiB, TO_DEVICE)
    iommu_dma_unmap(m, 0, big, 128 * KiB)
    assert counted(built).shadow_copied_bytes == 20 * 1500 and counted(built).qi_submit == 1
    lawful(built)


def test_nothing_is_there_without_a_device_behind_a_unit():
    built = devices(own={"d": {"iommu": None}})
    assert not len(iommu_domains(built.memory.m)) and sampled(built) == {} and metrics(built) == {}
