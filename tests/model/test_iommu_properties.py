"""Random maps, unmaps, lists and accesses in every mode: what is mapped is reached where it lies, nothing else is."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR
from mmrun.model.dma.iommu.dma_iommu import iommu_dma_map, iommu_dma_unmap
from mmrun.model.dma.iommu.map import iova_to_pfn
from mmrun.model.dma.iommu.map_sg import iommu_dma_map_sg, iommu_dma_unmap_sg
from mmrun.model.dma.iommu.report import metrics, sampled
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iommu.state import iommu_count, iommu_domains
from mmrun.model.dma.iommu.translate import device_access
from mmrun.model.dma.iova.flush_queue import fq_flush_timeout
from mmrun.model.dma.mapping.state import scatterlist
from tests.model.iommu_cells import devices, fill, lawful

PAGE, FRAMES = 4096, 8000
OP = st.tuples(
    st.sampled_from(("map", "map", "map_large", "sg", "unmap", "unmap", "access", "flush", "time")),
    st.integers(0, FRAMES), st.integers(0, 4095), st.integers(1, 40_000),
)  # fmt: skip
CASES = [
    ("strict", "intel", "6.12"), ("lazy", "intel", "6.12"), ("lazy", "intel", "3.6"), ("lazy", "amd", "6.12"),
    ("single-queue", "virtio", "6.12"), ("strict", "smmu", "5.10"), ("identity", "intel", "6.12"),
    ("shadow-copy", "intel", "6.12"),
]  # fmt: skip


@dataclass
class Driver:
    """Maps for one device, and keeps what the model must agree with."""

    built: Built
    lives: list[tuple[int, int, int, int]] = field(default_factory=list)  # address, bytes, frame, offset
    lists: list[list[tuple[int, int, int, int, int]]] = field(default_factory=list)  # rows of a mapped list
    gone: set[int] = field(default_factory=set)  # pages of addresses that were unmapped, and not given out again

    @property
    def m(self) -> Any:
        return self.built.memory.m

    def map(self, pfn: int, offset: int, nbytes: int) -> None:
        address = int(iommu_dma_map(self.m, 0, pfn, offset, nbytes, BIDIRECTIONAL))
        assert address != DMA_ERROR
        self.lives.append((address, nbytes, pfn, offset))

    def map_sg(self, pfn: int, offset: int, nbytes: int) -> None:
        entries = [(pfn + 7 * i, offset if i == 2 else 0, nbytes if i == 3 else PAGE) for i in range(5)]
        n = fill(self.built, *entries)
        assert iommu_dma_map_sg(self.m, 0, 0, n, BIDIRECTIONAL) > 0
        self.lists.append([tuple(int(value) for value in row) for row in scatterlist(self.m)[:n]])  # type: ignore[misc]

    def unmap(self, which: int) -> None:
        if self.lives and which % 3:
            address, nbytes, _, _ = self.lives.pop(which % len(self.lives))
            iommu_dma_unmap(self.m, 0, address, nbytes)
            self.gone |= set(range(address // PAGE, (address + nbytes - 1) // PAGE + 1))
        elif self.lists:
            rows = self.lists.pop(which % len(self.lists))
            for own, row in zip(rows, scatterlist(self.m), strict=False):
                row.pfn, row.offset, row.bytes, row.address, row.length = own
            self.gone |= self.pages_of(rows)
            iommu_dma_unmap_sg(self.m, 0, 0, len(rows))

    @staticmethod
    def pages_of(rows: list[tuple[int, int, int, int, int]]) -> set[int]:
        return {
            page for _, _, _, at, size in rows if size for page in range(at // PAGE, (at + size - 1) // PAGE + 1)
        }  # fmt: skip

    def spans(self) -> list[set[int]]:
        """Pages of addresses of everything that is mapped."""
        return [
            *(set(range(at // PAGE, (at + n - 1) // PAGE + 1)) for at, n, _, _ in self.lives),
            *map(self.pages_of, self.lists),
        ]

    def faults(self, page: int) -> bool:
        before = int(iommu_count(self.m).io_page_faults)
        device_access(self.m, 0, page * PAGE, 8, 1)
        return int(iommu_count(self.m).io_page_faults) > before


def work(driver: Driver, ops: list[tuple[str, int, int, int]]) -> None:
    for what, pfn, offset, nbytes in ops:
        if what == "map":
            driver.map(pfn, offset, nbytes)
        elif what == "map_large":
            driver.map(pfn & ~511, 0, 600 * PAGE)
        elif what == "sg":
            driver.map_sg(pfn, offset % 4095, nbytes % 4096 + 1)
        elif what == "unmap":
            driver.unmap(pfn)
        elif what == "access" and driver.lives:
            address, size, _, _ = driver.lives[pfn % len(driver.lives)]
            device_access(driver.m, 0, address, size, 1)
        elif what == "flush":
            fq_flush_timeout(driver.m, 0)
        driver.m.now += nbytes


@pytest.mark.parametrize(("mode", "kind", "kernel"), CASES)
@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(ops=st.lists(OP, min_size=5, max_size=60))
def test_random_work(mode: str, kind: str, kernel: str, ops: list[tuple[str, int, int, int]]):
    driver = Driver(devices(mode, units={"u": Iommu(kind=kind, iotlb=16)}, kernel=kernel))  # type: ignore[arg-type]
    built, m = driver.built, driver.m
    work(driver, ops)
    assert iommu_count(m).io_page_faults == 0  # nothing that is mapped is refused
    spans = driver.spans()
    if mode != "identity":
        assert sum(map(len, spans)) == len(set().union(*spans)), "an address was given out twice"
    for address, nbytes, pfn, offset in driver.lives:
        if mode != "shadow-copy":
            assert address % PAGE == offset
            reached = [iova_to_pfn(m, 0, address // PAGE + i) for i in range((offset + nbytes - 1) // PAGE + 1)]
            assert reached == list(range(pfn, pfn + len(reached)))
        assert not driver.faults(address // PAGE)
    lawful(built)
    fq_flush_timeout(m, 0)
    assert iommu_domains(m)[0].pending == 0
    if mode not in ("identity", "shadow-copy"):
        for page in sorted(driver.gone.difference(*spans)):
            assert driver.faults(page), "what is unmapped and flushed is reached"
        assert iommu_count(m).dma_stale == 0  # nobody came between
    while driver.lives or driver.lists:
        driver.unmap(1 if driver.lives else 0)
    fq_flush_timeout(m, 0)
    lawful(built)
    domain = iommu_domains(m)[0]
    assert domain.beside == 0 and (domain.pages == 0 or mode in ("identity", "shadow-copy"))
    if mode == "identity":
        assert sampled(built)["dma_exposed_bytes"] == sampled(built)["iommu_mapped_pages"] * PAGE
    assert metrics(built)["dma_exposure_byte_ns"] >= 0 and metrics(built)["dma_subpage_byte_ns"] >= 0


def test_nothing_translates_that_was_never_mapped():
    built = devices("strict")
    assert iova_to_pfn(built.memory.m, 0, 0x1234) == NONE
