"""Runs in which drivers map memory through the bounce pool: it is full, it grows, it is not needed; all laws hold."""

from typing import Any

import pytest

from mmrun.model.description import Cell, Stream, Task
from mmrun.model.units import KiB, MiB
from tests.model.bounced import host
from tests.model.cells import run


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
