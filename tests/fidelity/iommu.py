"""An Intel IOMMU in lazy mode, as recorded on a guest with Linux 6.12, through the whole DMA API (data/README.md).

A driver maps buffers and unmaps them, one by one or all at once; a virtio disk serves direct I/O of 4 KiB blocks. What
a request maps follows from the layout of its driver's memory, invalidations from its unmaps and from time.
"""

import json
from functools import cache
from typing import Any

from mmrun.model.block.request import free_request, new_request
from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.dma.device.settings import DiskController, Legacy
from mmrun.model.dma.device.state import TO_DEVICE
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iova.tree import reserve_range
from mmrun.model.dma.mapping.disk import map_request, unmap_request
from mmrun.model.dma.mapping.mapping import dma_map_page, dma_unmap_page
from mmrun.model.dma.mapping.probe import set_up
from mmrun.model.dma.mapping.state import dma_maps
from mmrun.model.mm.task.state import cache as cache_of
from mmrun.model.units import MS, PAGE, PAGE_SHIFT, MiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.bare_iovas import expire
from tests.model.cells import machine_of, run

RECORDED: dict[str, Any] = json.loads((DATA / "iova_lazy.json").read_text())
BLOCKS = 1024  # of direct I/O
# Of three repeats of reading and of writing 1,024 blocks: mappings of 4 KiB, of 8 KiB, invalidations.
DIRECT_IO = ((4064, 32, 19), (4064, 32, 19), (4064, 32, 20), (4063, 33, 20), (4064, 32, 22), (4064, 32, 22))
BLOCK_NS = (
    140_000,
    170_000,
    200_000,
)  # time of a block on the guest: 0.17 s for 1,024, and what an emulation may be off


def guest(**stream: Any) -> Cell:
    """The guest with a device of nobody else's; `stream`: of a task that maps for it. Another task has no hurry."""
    host = Machine(
        nodes=(Node(memory=64 * MiB),), devices={"dev": Legacy(dma_mask_bits=64, iommu="vtd")},
        iommus={"vtd": Iommu()}, use=("dev",),
    )  # fmt: skip
    idle = Stream(kind="driver", params={"count": 1, "hold": 30 * MS, "period": 30 * MS})
    tasks = {"idle": Task(stream=idle, memory=(Region(),))}
    if stream:
        params = {"device": "dev", "direction": "to_device", **stream}
        tasks["lab"] = Task(stream=Stream(kind="dma", params=params), memory=(Region(),))
    return Cell(kernel="6.12", machine=host, tasks=tasks)


def mapped(built: Built, n: int, pages: int, hold: bool) -> list[int]:
    """Map `n` pieces through the API and unmap them, each at once or all after the last; their page numbers."""
    m, nbytes, found = built.memory.m, pages * PAGE, []
    for _ in range(n):
        found.append(dma_map_page(m, 0, 1024, 0, nbytes, TO_DEVICE))
        if not hold:
            dma_unmap_page(m, 0, found[-1], nbytes, TO_DEVICE)
    for address in found if hold else ():
        dma_unmap_page(m, 0, address, nbytes, TO_DEVICE)
    expire(built)
    return [address >> PAGE_SHIFT for address in found]


@cache
def addresses() -> list[int]:
    """Page numbers of the first recorded run, before which as many pages were mapped at once (not recorded)."""
    built = machine_of(guest(), 1)
    for window in RECORDED["windows"]:
        reserve_range(built.memory.m, 0, *window)
    mapped(built, 1024, 1, True)
    return mapped(built, 1024, 1, False)


@cache
def counted(n: int, pages: int, hold: bool) -> dict[str, int]:
    """Maps, unmaps and invalidations of a run of the whole machine in which a task's driver maps and unmaps."""
    metrics = run(guest(count=n, size=pages * PAGE, hold=n * hold), check=True).metrics
    names = {"maps": "iommu_map", "unmaps": "iommu_unmap", "invalidations": "iotlb_invalidated_domains"}
    return {name: int(metrics[counter]) for name, counter in names.items()}


def virtio(block_ns: int = BLOCK_NS[1]) -> Cell:
    """A program reads a file of 4 MiB page by page from a virtio disk behind the unit: a request a block."""
    disk = Disk(size=64 * MiB, read_latency=block_ns)
    host = Machine(
        nodes=(Node(memory=64 * MiB),), disks={"vdb": disk}, iommus={"vtd": Iommu()}, use=("blk",), hz=250,
        devices={"blk": DiskController(iommu="vtd", disks=("vdb",), protocol="virtio-blk")},
    )  # fmt: skip
    memory = (Region(kind="file", file="x", disk="vdb", access="read", readahead=0, size=BLOCKS * PAGE),)
    tasks = {"dd": Task(stream=Stream(kind="loop", params={"size": BLOCKS * PAGE, "accesses": BLOCKS}), memory=memory)}
    return Cell(kernel="6.12", machine=host, tasks={**tasks, "idle": guest().tasks["idle"]})


@cache
def direct_io(block_ns: int) -> dict[str, int]:
    """Maps and invalidations of 1,024 blocks that take so long each."""
    metrics = run(virtio(block_ns), check=True).metrics
    return {"maps": int(metrics["dma_map_page"]), "invalidations": int(metrics["iotlb_invalidated_domains"])}


@cache
def sizes() -> tuple[int, int]:
    """Of 1,024 requests of a page: mappings of one page, and of two, as a request's header lies across their border."""
    built = machine_of(virtio(), BLOCKS)
    m, found = built.memory.m, [0, 0]
    set_up(m, 0)
    cache_of(m)[0] = 1024 + 1
    for _ in range(BLOCKS):
        number = new_request(m, 0, 0, 0, 1, 0)
        chain = map_request(m, 0, number)
        while chain:
            row = dma_maps(m)[chain - 1]
            found[(int(row.address) % PAGE + int(row.bytes) - 1) // PAGE] += 1
            chain = int(row.next)
        unmap_request(m, number)
        free_request(m, number)
    cache_of(m)[0] = 0
    return found[0], found[1]


def section() -> str:
    """Recorded and simulated counts, side by side."""
    rows = []
    for run_ in RECORDED["runs"]:
        n, pages, hold = run_["n"], run_["pages"], run_["hold"]
        own = counted(n, pages, hold)
        what = f"{n:,} buffers of {pages * 4} KiB, {'mapped at once' if hold else 'one by one'}"
        rows.append([what, f"{n:,}", f"{own['maps']:,}", str(run_["invalidations"]), str(own["invalidations"])])
    maps, flushes = sorted({sum(row[:2]) for row in DIRECT_IO}), sorted({row[2] for row in DIRECT_IO})
    found = [direct_io(ns) for ns in BLOCK_NS]
    told = f"{min(each['invalidations'] for each in found)}–{max(each['invalidations'] for each in found)}"
    span = f"{flushes[0]}–{flushes[-1]}"
    rows.append(["1,024 blocks of 4 KiB of a virtio disk", f"{maps[0]:,}", f"{found[0]['maps']:,}", span, told])
    head = ("what", "maps recorded", "simulated", "invalidations recorded", "simulated")
    same = sum(a == int(b, 16) for a, b in zip(addresses(), RECORDED["runs"][0]["addresses"], strict=False))
    lines = [
        table(head, rows),
        "",
        f"Of the {len(RECORDED['runs'][0]['addresses'])} addresses recorded of the first run {same} are the model's.",
        f"Mappings of two pages among those of the virtio disk: {sizes()[1]}, recorded "
        f"{', '.join(map(str, sorted({row[1] for row in DIRECT_IO})))}.",
    ]
    return "\n".join(lines)
