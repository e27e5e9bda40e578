"""Runs in which drivers map memory through the bounce pool: it is full, it grows, it is not needed; all laws hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmrun.model import check as laws
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.dma.device.settings import DiskController, Legacy
from mmrun.model.dma.device.state import FROM_DEVICE, dma_devices
from mmrun.model.dma.direct.state import ISA_POOL_SIZE, direct_state
from mmrun.model.dma.iommu.map import iova_to_pfn
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.mapping.mapping import dma_map_page, dma_sync_for_cpu, dma_unmap_page
from mmrun.model.dma.swiotlb.state import swiotlb_count, swiotlb_state
from mmrun.model.units import PAGE, KiB, MiB
from tests.model.bounced import built_of, host
from tests.model.cells import one, reads, run


def told(kernel: str, bits: int = 32, mib: int = 128, count: int = 400, hole: int = 0, **own: Any) -> dict[str, Any]:
    """What a driver comes to that holds 40 mappings of 64 KiB at a time, and takes them back in any order."""
    params = {"device": "d0", "count": count, "size": 64 * KiB, "hold": 40, "order": "random"}
    task = Task(stream=Stream(kind="dma", params={**params, "direction": "from_device"}))
    cell = Cell(kernel=kernel, machine=host(mib, (bits,), cpus=2, hole=hole, **own), tasks={"t": task})
    return run(cell, check=True).metrics


@pytest.mark.parametrize("kernel", ["3.6", "6.12"])
def test_a_full_pool_fails_what_the_driver_wants_to_map(kernel):
    """A pool of 1 MiB has room for 16 mappings of 64 KiB at a time, of 40 that are wanted; the others fail."""
    full = told(kernel, size=MiB, force="force")
    assert full["swiotlb_full"] == full["dma_mapping_error"] == 240 and full["io_tlb_used_hiwater"] == 512
    assert full["swiotlb_bounced"] == 400 and full["io_tlb_used"] == full["swiotlb_lock_ns"] == 0
    larger = told(kernel, size=4 * MiB, force="force")
    assert larger["swiotlb_full"] == 0 and larger["io_tlb_used_hiwater"] == 40 * 32
    copies = 2 if kernel == "6.12" else 1  # in, too, since 5.18
    assert larger["swiotlb_bytes"] == 400 * 64 * KiB * copies


def test_a_dynamic_pool_serves_everybody():
    """Mappings without room have pools of their own until a worker has made the pool larger; nothing fails."""
    grown = told("6.12", size=MiB, force="force", dynamic=True)
    assert grown["swiotlb_full"] == grown["dma_mapping_error"] == 0
    assert grown["swiotlb_grown"] == 1 and 0 < grown["swiotlb_transient"] <= 24
    assert grown["io_tlb_nslabs"] == 512 + 2048 and grown["io_tlb_transient_nslabs"] == grown["io_tlb_used"] == 0


def test_what_a_mask_reaches_is_not_copied():
    """Frames above 4 GiB are bounced for 32 bits, not for 64; without a pool they cannot be mapped at all."""
    wide, narrow = (told("6.12", bits, 4608, 40) for bits in (64, 32))
    assert wide["swiotlb_bounced"] == 0 and wide["dma_mapping_error"] == 0
    assert narrow["swiotlb_bounced"] == 40 and narrow["dma_mapping_error"] == 0
    none = told("6.12", 32, 4608, 40, force="noforce")
    assert none["dma_map_unreachable"] == none["dma_mapping_error"] == 40
    assert narrow["dma_map_ns"] > 50 * wide["dma_map_ns"]


def test_a_disk_s_controller_of_24_bits():
    """To 5.12 the block layer copies what lies above 16 MiB to pages of zone DMA, sixteen of them kept for that."""
    events = np.concatenate([reads(range(6000)), reads([0])])
    for kernel in ("3.1", "5.10"):
        machine = Machine(
            nodes=(Node(memory=64 * MiB, cpus=1),), disks={"d": Disk()}, use=("isa",),
            devices={"isa": DiskController(disks=("d",), dma_mask_bits=24)},
        )  # fmt: skip
        region = Region(kind="file", disk="d", access="read")
        done = run(one(kernel, machine, region), events)
        told = done.metrics
        assert told["outcome"] == "ok" and told["bounce_blocks"] > 1000 and told["nr_bounce"] == 0
        assert told["dma_mapping_error"] == 0 and direct_state(done.m).elements == ISA_POOL_SIZE
        assert told["swiotlb_bounced"] == 0 and told["dma_faults"] == 0


def test_who_is_not_trusted_sees_whole_pages_only():
    """A part of a page is copied to a page of its own since 5.4, whole pages are mapped as they are."""
    for kernel, copied in (("5.3", 0), ("5.4", 1), ("6.12", 1)):
        machine = host(128)
        unit = {"devices": {"d0": Legacy(dma_mask_bits=64, iommu="u", untrusted=True)}, "iommus": {"u": Iommu()}}
        built = built_of(kernel, replace(machine, **unit))
        m, size = built.memory.m, 1500
        domain = int(dma_devices(m)[0].domain)
        for offset, nbytes, copies in ((128, size, copied), (0, 2 * PAGE, 0)):
            before = int(swiotlb_state(m).used)
            address = int(dma_map_page(m, 0, 5000, offset, nbytes, FROM_DEVICE))
            seen = int(iova_to_pfn(m, domain, address >> 12))
            assert (seen != 5000) == bool(copies) and int(swiotlb_state(m).used) - before == 2 * copies
            bytes_before = int(swiotlb_count(m).swiotlb_bytes)
            dma_sync_for_cpu(m, 0, address, 100, FROM_DEVICE)
            assert int(swiotlb_count(m).swiotlb_bytes) - bytes_before == 100 * copies
            dma_unmap_page(m, 0, address, nbytes, FROM_DEVICE)
            assert swiotlb_state(m).used == 0
        laws.verify(built)
