"""The mapping API: who has what mapped, by whose operations, what requests and rings map, and what fails."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmrun.model import registry
from mmrun.model.build import Built
from mmrun.model.core.law import Violation
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, SwapTarget, Task, Variant
from mmrun.model.dma.device.settings import DiskController, Legacy
from mmrun.model.dma.device.state import (
    BIDIRECTIONAL,
    DMA_ERROR,
    FROM_DEVICE,
    TO_DEVICE,
    dma_devices,
)
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.mapping.check import verify
from mmrun.model.dma.mapping.coherent import dma_alloc_coherent, dma_free_coherent
from mmrun.model.dma.mapping.disk import prp_entries, prp_pages
from mmrun.model.dma.mapping.keep import map_list, map_piece, unmap_chain
from mmrun.model.dma.mapping.mapping import dma_access, dma_map_page, dma_unmap_page
from mmrun.model.dma.mapping.state import dma_buffers, dma_maps, mapping_count, scatterlist
from mmrun.model.dma.swiotlb.settings import Swiotlb
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.rules.machines import faults
from mmrun.model.units import PAGE, PAGE_SHIFT, KiB, MiB
from tests.model.bare_iovas import expire
from tests.model.cells import given, machine_of, run
from tests.model.test_nic import networked


def host(mib: int = 64, units: int = 1, **devices: Any) -> Machine:
    """A machine that uses the given devices; units are called u0, u1."""
    iommus = {f"u{n}": Iommu() for n in range(units)}
    return Machine(nodes=(Node(memory=mib * MiB),), devices=devices, iommus=iommus, use=tuple(devices))


def made(machine: Machine, kernel: str = "6.12", ops: str | None = None, iommu: str | None = None) -> Built:
    """The machine with one idle task."""
    policy = {"dma_ops": Variant(variant=ops)} if ops else {}
    policy |= {"iommu": Variant(variant=iommu)} if iommu else {}
    return machine_of(Cell(kernel=kernel, machine=machine, tasks={"t": given()}, policy=policy), 1)


def behind(**more: Any) -> Legacy:
    """A device with all address lines behind unit u0, unless it says otherwise."""
    return Legacy(**{"dma_mask_bits": 64, "iommu": "u0", **more})


@pytest.mark.parametrize(
    ("offset", "nbytes", "entries", "blocks"),
    [(0, 4 * KiB, 0, 0), (512, 4 * KiB, 0, 0), (0, 8 * KiB, 0, 0), (0, 64 * KiB, 15, 1), (0, 132 * KiB, 32, 1),
     (0, MiB, 255, 1), (0, 2 * MiB, 511, 1), (0, 4 * MiB, 1023, 2), (0, 5 * MiB, 1279, 3)],
)  # fmt: skip
def test_lists_beside_nvme_commands(offset, nbytes, entries, blocks):
    """Computed from nvme_setup_prps: one page and the second of two stand in the command, the last entry leads on."""
    assert (prp_entries(offset, nbytes), prp_pages(entries)) == (entries, blocks)


def test_an_address_without_a_unit_is_that_of_memory():
    built = made(host(dev=Legacy(dma_mask_bits=32)))
    m = built.memory.m
    address = dma_map_page(m, 0, 77, 100, 3000, TO_DEVICE)
    assert address == (77 << PAGE_SHIFT) + 100 and m.now == 0
    assert dma_access(m, 0, address, 3000, 0) == 0
    assert dma_access(m, 0, 1 << 33, 8, 1) == 0 and mapping_count(m).dma_faults == 1
    dma_unmap_page(m, 0, address, 3000, TO_DEVICE)
    assert dma_devices(m)[0].live == 0


def test_what_is_out_of_reach_without_bounce_buffers_is_an_error():
    built = made(host(dev=Legacy()))
    assert dma_map_page(built.memory.m, 0, 5000, 0, PAGE, TO_DEVICE) == DMA_ERROR
    assert mapping_count(built.memory.m).dma_mapping_error == 1


def test_caches_that_a_device_does_not_see_are_cleaned():
    built = made(host(dev=Legacy(dma_mask_bits=32, coherent=False)), kernel="3.6")
    m = built.memory.m
    address = dma_map_page(m, 0, 77, 0, PAGE, FROM_DEVICE)
    assert m.now == 64 * 5
    dma_unmap_page(m, 0, address, PAGE, FROM_DEVICE)
    assert m.now == 2 * 64 * 5


def test_one_limited_device_sends_all_of_a_bus_through_the_iommu():
    """Per device the card with all address lines is passed through; bus-wide it is not, and shares one domain."""
    both = {"card": behind(), "old": behind(dma_mask_bits=24)}
    for ops, translated in (("per-device", [0, 0]), ("bus-wide", [1, 1])):
        built = made(host(**both), ops=ops, iommu="passthrough")
        devices = dma_devices(built.memory.m)
        assert [int(d.translated) for d in devices] == translated
        assert (devices[0].domain == devices[1].domain) == (ops == "bus-wide")
    m = built.memory.m
    assert dma_map_page(m, 0, 8000, 0, PAGE, TO_DEVICE) < 1 << 24 and dma_access(m, 0, 1 << 20, 64, 0) >= 0
    built = made(host(**{**both, "old": behind()}), ops="bus-wide", iommu="passthrough")
    assert [int(d.translated) for d in dma_devices(built.memory.m)] == [0, 0]


@pytest.mark.parametrize(("kernel", "translated"), [("3.1", 0), ("3.6", 1), ("6.12", 1)])
def test_an_arm_boards_iommu_was_not_the_apis(kernel, translated):
    machine = replace(host(dev=behind()), iommus={"u0": Iommu(kind="smmu")})
    assert dma_devices(made(machine, kernel=kernel).memory.m)[0].translated == translated


@pytest.mark.parametrize(("kernel", "scattered"), [("5.4", 0), ("6.12", 1)])
def test_shared_memory_behind_a_unit(kernel, scattered):
    built = made(host(dev=behind()), kernel=kernel)
    m = built.memory.m
    row = dma_alloc_coherent(m, 0, 100 * KiB, GFP_KERNEL)
    b = dma_buffers(m)[row]
    assert (b.pages, b.remapped) == (25, scattered)
    assert dma_access(m, 0, int(b.address) + 24 * PAGE, PAGE, 1) > 0 and mapping_count(m).dma_faults == 0
    dma_free_coherent(m, row)
    expire(built)
    assert dma_access(m, 0, int(b.address), 8, 1) >= 0 and mapping_count(m).dma_faults == 1


@pytest.mark.parametrize("kernel", ["3.1", "3.6", "4.4", "6.12"])
@pytest.mark.parametrize("mode", ["strict", "lazy", "passthrough", None])
def test_mappings_are_conserved(kernel, mode):
    """Random pieces and lists of devices of three groups: each leads to its frames as long as it is there."""
    devices = {"a": behind(group="g", iommu_mode=mode), "b": behind(group="g", iommu_mode=mode)}
    disk = DiskController(disks=("d",), iommu="u0", dma_mask_bits=32)
    machine = replace(host(**devices, c=disk, d=Legacy(dma_mask_bits=64)), disks={"d": Disk()})
    built = made(machine, kernel=kernel)
    m, rng, chains = built.memory.m, np.random.default_rng(7), []
    for _ in range(120):
        dev, pfn = int(rng.integers(4)), int(rng.integers(2048, 12_000))
        if chains and rng.random() < 0.45:
            unmap_chain(m, chains.pop(int(rng.integers(len(chains)))))
        elif rng.random() < 0.5:
            nbytes = int(rng.integers(1, 5 * PAGE))
            chains.append(map_piece(m, dev, pfn, int(rng.integers(PAGE)), nbytes, BIDIRECTIONAL, 0))
        else:
            n = int(rng.integers(1, 9))
            for i in range(n):
                e = scatterlist(m)[i]
                e.pfn, e.offset, e.bytes = pfn + i * int(rng.integers(1, 3)), 0, PAGE
            chains.append(map_list(m, dev, n, TO_DEVICE, 0))
        assert all(chains) and m.broken == 0
        _reachable(built, chains)
    for chain in chains:
        unmap_chain(m, chain)
    assert all(d.live == d.live_bytes == d.faults == 0 for d in dma_devices(m))
    verify(built, np.zeros(1))


def _reachable(built: Built, chains: list[int]) -> None:
    """Some device can reach what it was given."""
    m, row = built.memory.m, dma_maps(built.memory.m)[chains[-1] - 1] if chains else None
    if row is not None and row.length:
        dma_access(m, int(row.dev), int(row.address), int(row.length), 0)


@pytest.mark.parametrize("variant", ["identity", "shadow-copy", "single-queue"])
def test_other_ways_conserve_them_too(variant):
    """Pages that stay mapped, buffers that are copied, one queue for all: each mapping works, and none is left over."""
    disk = DiskController(disks=("d",), iommu="u0")
    built = made(replace(host(a=behind(), c=disk), disks={"d": Disk()}), iommu=variant)
    m, rng, chains = built.memory.m, np.random.default_rng(3), []
    for _ in range(80):
        if chains and rng.random() < 0.5:
            unmap_chain(m, chains.pop(int(rng.integers(len(chains)))))
            continue
        dev, pfn, nbytes = int(rng.integers(2)), int(rng.integers(2048, 12_000)), int(rng.integers(1, PAGE))
        chains.append(map_piece(m, dev, pfn, 0, nbytes, BIDIRECTIONAL, 0))
        assert chains[-1] and m.broken == 0
        _reachable(built, chains)
    for chain in chains:
        unmap_chain(m, chain)
    assert all(d.live == d.faults == 0 for d in dma_devices(m))
    verify(built, np.zeros(1))


def test_far_memory_keeps_a_device_waiting():
    """A device of node 0 waits 5 ns a unit of distance beyond local for memory of node 1, and of its own for none."""
    machine = Machine(
        nodes=(Node(memory=32 * MiB), Node(memory=32 * MiB)), devices={"dev": Legacy(dma_mask_bits=64)}, use=("dev",)
    )
    m = made(machine).memory.m
    pages = [alloc_pages(m, GFP_ATOMIC, 0, node, ALL_NODES) for node in range(2)]
    waited = [dma_access(m, 0, dma_map_page(m, 0, pfn, 0, PAGE, TO_DEVICE), PAGE, 0) for pfn in pages]
    assert waited == [0, 50] and mapping_count(m).dma_device_ns == 50


def holding(machine: Machine, device: str, count: int, **more: Any) -> dict[str, Any]:
    """What a run tells in which a driver holds so many mappings of a page at a time, twice."""
    params = {"device": device, "count": 2 * count, "hold": count, **more}
    tasks = {"t": Task(stream=Stream(kind="dma", params=params), memory=(Region(),))}
    return run(Cell(kernel="6.12", machine=machine, tasks=tasks)).metrics


@pytest.mark.parametrize("order", ["fifo", "lifo", "random"])
def test_a_device_runs_out_of_addresses(order):
    """20 address lines are 256 pages, of which page 0 is never given: the others are counted errors, in each round."""
    metrics = holding(host(dev=behind(dma_mask_bits=20, iommu_mode="strict")), "dev", 300, order=order)
    assert metrics["dma_map_page"] == 600 and metrics["dma_mapping_error"] == 2 * 45 and metrics["dma_live"] == 0


def test_the_bounce_pool_runs_out():
    """A pool of 1 MiB has 512 slots, two a page: 256 pages fit."""
    pool = Swiotlb(size=MiB, force="force", areas=1)
    metrics = holding(replace(host(dev=Legacy(dma_mask_bits=64)), swiotlb=pool), "dev", 300)
    assert metrics["dma_mapping_error"] == 2 * 44 and metrics["swiotlb_full"] == 2 * 44 and metrics["dma_live"] == 0


def test_requests_wait_for_bounce_buffers():
    """A disk whose requests are all bounced through 1 MiB does what it is asked for, a moment later."""
    machine = replace(host(64, c=DiskController(disks=("d",), protocol="nvme")), disks={"d": Disk(size=256 * MiB)})
    machine = replace(machine, swiotlb=Swiotlb(size=MiB, force="force", areas=1))
    read = Stream(kind="loop", params={"size": 4 * MiB, "accesses": 1024})
    files = [Region(kind="file", file=name, disk="d", access="read", readahead=768 * KiB) for name in "xyz"]
    tasks = {file.file: Task(stream=read, memory=(file,)) for file in files}
    cell = Cell(kernel="6.12", machine=machine, tasks=tasks)
    metrics = run(cell).metrics
    assert metrics["outcome"] == "ok" and metrics["dma_requeued"] > 0 and metrics["dma_live"] == 0
    assert metrics["swiotlb_full"] > 0 and metrics["dma_faults"] == 0


def test_a_forgotten_mapping_is_found():
    built = made(host(dev=behind()))
    assert dma_map_page(built.memory.m, 0, 5000, 0, PAGE, TO_DEVICE) != DMA_ERROR
    with pytest.raises(Violation, match="device 0 has 1 mappings, 0 are known"):
        verify(built, np.zeros(1))


def swapping(protocol: str, kind: str, kernel: str, **more: Any) -> Cell:
    """More memory than there is, swap and a file on one disk behind a controller."""
    disk = {
        "disks": {"d": Disk(kind=kind, size=256 * MiB)},
        "swap": {"s": SwapTarget(kind="partition", disk="d", size=64 * MiB)},
    }
    machine = replace(host(16, c=DiskController(disks=("d",), protocol=protocol, **more)), **disk)
    memory, file = Region(), Region(kind="file", file="x", disk="d", access="read")
    anon = Stream(kind="loop", params={"size": 20 * MiB, "accesses": 10_000, "write_fraction": 1.0})
    scan = Stream(kind="loop", params={"size": MiB, "accesses": 512})
    tasks = {"t": Task(stream=anon, memory=(memory,)), "f": Task(stream=scan, memory=(file,))}
    return Cell(kernel=kernel, machine=machine, tasks=tasks)


@pytest.mark.parametrize(
    ("protocol", "kind", "kernel", "more"),
    [
        ("ahci", "hdd", "3.1", {"iommu": "u0", "iommu_mode": "strict"}), ("ahci", "generic", "6.12", {"iommu": "u0"}),
        ("nvme", "optane", "6.12", {"iommu": "u0"}), ("virtio-blk", "hdd", "6.12", {"iommu": "u0"}),
        ("nvme", "optane", "4.4", {}),
    ],
)  # fmt: skip
def test_every_page_of_a_request_is_mapped_and_taken_back(protocol, kind, kernel, more):
    """Pages read and written are pages mapped, with virtio three pieces a request beside them; at the end none is."""
    metrics = run(swapping(protocol, kind, kernel, **more)).metrics
    moved = (metrics["pswpin"] + metrics["pswpout"] + metrics["pgpgin"]) * PAGE
    assert metrics["outcome"] == "ok" and metrics["dma_live"] == metrics["dma_faults"] == 0 and moved > 8 * MiB
    if protocol == "virtio-blk":
        assert metrics["dma_mapped_bytes"] > moved
    else:
        assert metrics["dma_mapped_bytes"] == moved
    if protocol == "nvme" and kernel == "4.4":
        assert metrics["dma_map_page"] == 0


@pytest.mark.parametrize(
    ("kernel", "driver", "role"),
    [("3.6", "ixgbe", "receive"), ("3.1", "e1000e", "receive"), ("6.12", "e1000e", "send"),
     ("4.19", "page-pool", "receive"),
     ("6.12", "page-pool", "receive"), ("6.1", "virtio-net", "receive"), ("6.12", "virtio-net", "receive")],
)  # fmt: skip
def test_rings_map_as_their_drivers_do(kernel, driver, role):
    """A mapping a frame (e1000e), a page (ixgbe, pools), a buffer or a block (virtio); sent ones head and pieces."""
    cell = networked(
        kernel, role=role, driver=driver, size=512 * KiB, mib=64, ring=64, tx_ring=64, iommu="u", iommu_mode="strict"
    )
    metrics = run(replace(cell, machine=replace(cell.machine, iommus={"u": Iommu()}))).metrics
    frames, maps = metrics["rx_packets"], metrics["dma_map_page"]
    assert metrics["outcome"] == "ok" and metrics["dma_faults"] == 0 and metrics["rx_dma_failed"] == 0
    assert metrics["dma_live"] >= (4 if driver == "virtio-net" and kernel == "6.12" else 64)
    if role == "send":
        assert maps > metrics["tx_packets"] // 45
    elif driver == "e1000e" or kernel in ("6.1", "4.19"):  # to 5.13 pages left their pool with their frames
        assert maps >= frames
    else:
        assert maps < frames


def test_a_card_without_a_unit_that_reaches_everything_maps_nothing():
    metrics = run(networked("6.12", size=64 * KiB)).metrics
    assert metrics["dma_map_page"] == 0 and metrics["rx_packets"] > 0


def test_a_card_that_reaches_nothing_posts_nothing():
    """Without bounce buffers a card of 20 address lines gets no buffer, drops every frame, and says so."""
    cell = replace(networked("6.12", size=64 * KiB, dma_mask_bits=20), duration=2_500_000_000)
    metrics = run(cell).metrics
    assert metrics["rx_packets"] == 0 and metrics["rx_dma_failed"] > 0 and metrics["rx_missed"] > 0


CONTROLLER = DiskController(disks=("d",))


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ({"x": Legacy(node=3)}, "no node 3"), ({"x": Legacy(iommu="u9")}, "no IOMMU `u9`"),
        ({"x": Legacy(iommu_mode="lazy")}, "no unit translates"),
        ({"x": behind(untrusted=True, iommu_mode="passthrough")}, "unmaps at once"),
        ({"x": Legacy(group="g")}, "is in a group"),
        ({"x": behind(group="g"), "y": behind(group="g", iommu="u1")}, "different units"),
        ({"x": behind(group="g"), "y": behind(group="g", iommu_mode="lazy")}, "has one type"),
        ({"x": CONTROLLER, "y": CONTROLLER}, "behind `x` already"), ({"x": DiskController()}, "has no disks"),
        ({"x": DiskController(disks=("e",))}, "no disk `e`"),
        ({"x": DiskController(disks=("s",))}, "which no controller moves"),
        ({"x": CONTROLLER}, "different controllers"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(devices, words):
    disks = {"d": Disk(), "o": Disk(), "s": Disk(kind="stripe", members=("d", "o"))}
    machine = replace(host(64, 2, **devices), disks=disks)
    assert any(words in str(fault) for fault in faults(machine)), [str(fault) for fault in faults(machine)]


def test_operations_by_version():
    for kernel in ("2.6.32", "3.1", "6.18"):
        cell = registry.resolve(Cell(kernel=kernel, machine=host(dev=behind()), tasks={"t": given()}))
        assert cell.policy["dma_ops"].variant == "per-device"
