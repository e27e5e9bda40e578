"""From a recorded case to a cell of the model: machine, cgroup, regions, and the accesses as the replay made them."""

from dataclasses import replace
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np

from mmrun.model.description import (
    Cell,
    Cgroup,
    Disk,
    Machine,
    Node,
    Region,
    Sampling,
    Stream,
    SwapTarget,
    Sysctl,
    Task,
)
from mmrun.model.eras import why_not
from mmrun.model.trace import open_trace, write_trace
from mmrun.model.units import PAGE, US, Bytes, GiB, KiB
from tests.fidelity.recorded import DATA, Case

MONITOR = 256  # accesses between two reads of memory.stat, which fold the statistics; the guests had it too
SAMPLES = 20  # reads of every counter along a replay, memory.stat among them
BLOCK_PAGES = 512  # pages that one page-table page maps
NODE_PAGES, NODE_BYTES = 64, 584  # pages of a file a radix-tree node holds; what the cgroup is charged for a node

# Recorded while the host had a swap area; data/README.md says how that is known.
HOST_SWAP = ("fileread-real_sqlite-75-s60", "fileread-real_sqlite-90-s60", "fileread-zipf08-50-s60")
AT_START = 6  # pages of kernel memory charged before the first access

HOST_NODE = Node(cpus=2, memory=8 * GiB)
GUEST_NODES = {  # by kernel; that of 6.12 told its memory, but not its CPUs
    "6.1": Node(cpus=2, memory=2_012_116 * KiB),
    "6.1+mglru": Node(cpus=2, memory=2_012_116 * KiB),
    "6.12": Node(cpus=1, memory=1 * GiB),
}
# The disks' service times were not recorded. What a shared host may have had behind a swap file or a loop device, by
# what serves a request: time of a read and of a write, requests at a time (one: the worker of a loop device).
DISKS = {
    "file in the host's page cache behind a loop device: 10 us, one at a time": (10 * US, 10 * US, 1),
    "flash with a write buffer: reads 94 us, writes 20 us, 16 at a time": (94 * US, 20 * US, 16),
    "flash with a write buffer, one at a time": (94 * US, 20 * US, 1),
    "flash without: 100 us, 16 at a time": (100 * US, 100 * US, 16),
    "flash without, one at a time": (100 * US, 100 * US, 1),
    "volume over a network: 500 us, 16 at a time": (500 * US, 500 * US, 16),
    "volume over a network, one at a time": (500 * US, 500 * US, 1),
    "slower volume: 1 ms, 16 at a time": (1000 * US, 1000 * US, 16),
    "slower volume, one at a time": (1000 * US, 1000 * US, 1),
}


def disk(read: int, write: int, at_once: int) -> Disk:
    """A disk of these service times (ns), so many requests at a time."""
    return Disk(read_latency=read, write_latency=write, parallel=at_once)


def modelled(case: Case) -> bool:
    """Whether the model has the kernel of the case."""
    return why_not(case.kernel) is None


@cache
def trace_pages(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Page and write bit of every access, and the pages of the address space."""
    trace = open_trace(DATA / "traces" / f"{name}.mmt")
    return np.asarray(trace.page).astype(np.int64), np.asarray(trace.write), trace.npages


@cache
def touched_pages(name: str) -> np.ndarray:
    """The pages that the trace touches at all, ascending."""
    return np.unique(trace_pages(name)[0])


def anonymous_pages(case: Case) -> int:
    """How many pages, from page 0 on, are anonymous; the rest belong to a file."""
    npages = trace_pages(case.trace)[2]
    shares = {"zram": npages, "brd": npages, "diskswap": npages, "mixed": npages // 2, "mixed25": npages // 4}
    return shares.get(case.backend, 0)


def own_pages(case: Case) -> int:
    """Anonymous pages that the replaying program had in the group when a guest's replay began."""
    return 1 if case.kernel in ("6.1", "6.1+mglru") else 0


def first_touches(pages: np.ndarray) -> np.ndarray:
    """True for the accesses that are the first to their page."""
    first = np.zeros(pages.size, dtype=bool)
    first[np.unique(pages, return_index=True)[1]] = True
    return first


def replayed_trace(case: Case, folder: Path) -> Path:
    """The accesses as the replay made them: anonymous pages are first written, most files are only read.

    A guest's program first touches its own pages, which lie behind those of the trace.
    """
    anonymous, written, own = anonymous_pages(case), case.backend == "loopfilewrite", own_pages(case)
    path = folder / f"{case.trace}-{anonymous}-{own}{'-written' if written else ''}.mmt"
    if not path.exists():
        pages, writes, npages = trace_pages(case.trace)
        if not written:
            writes = (pages < anonymous) & (writes | first_touches(pages))
        behind = npages + np.arange(own)
        pages, writes, npages = np.insert(pages, 0, behind), np.insert(writes, 0, behind >= 0), npages + own
        write_trace(path, [(pages, writes)], {"kind": "derived", "from": f"{case.trace}.mmt"}, npages=npages, level=1)
    return path


def kernel_memory(case: Case) -> int:
    """Pages of page tables and radix-tree nodes that the replay makes the kernel charge to the group."""
    pages, anonymous = touched_pages(case.trace), anonymous_pages(case)
    mapped = pages if case.backend != "fileread" else pages[:0]
    nodes = np.unique(pages[pages >= anonymous] // NODE_PAGES).size
    tables = np.unique(mapped // BLOCK_PAGES).size + min(1, own_pages(case))
    return tables + ceil(nodes * NODE_BYTES / PAGE)


def limit(case: Case) -> Bytes:
    """memory.max: the recorded limit, less the kernel memory that was charged and is not of the model's making."""
    charged = case.kernel_pages()
    foreign = max(0, charged - kernel_memory(case)) if charged is not None else AT_START
    return round(case.limit_pages - foreign) * PAGE


def regions(case: Case) -> tuple[Region, ...]:
    """The address space of the replaying task."""
    anonymous, npages = anonymous_pages(case), trace_pages(case.trace)[2]
    file = Region(
        kind="file",
        size=(npages - anonymous) * PAGE,
        access="read" if case.backend == "fileread" else "mmap",
        disk="disk" if case.on_disk else None,
        filesystem=None if case.guest else "ext4",
        readahead=128 * KiB if case.variant.startswith("default-ra") else 0,
        fault_around=64 * KiB if case.variant in ("faultaround", "default-ra-fa") else 4 * KiB,
        advice="random" if case.variant == "madvrandom" else "normal",
    )
    anon, own = Region(kind="anon", size=anonymous * PAGE), Region(kind="anon", size=own_pages(case) * PAGE)
    return tuple(region for region in (anon, file, own) if region.size)


def with_pages(cell: Cell, more: int) -> Cell:
    """The same cell with a limit that is `more` pages higher."""
    group = cell.cgroups["replay"]
    return replace(cell, cgroups={"replay": replace(group, max=(group.max or 0) + more * PAGE)})


def with_phase(cell: Cell, later: int) -> Cell:
    """The same cell whose memory.stat is read so many accesses later each time."""
    return replace(cell, cgroups={"replay": replace(cell.cgroups["replay"], stat_read_phase=later)})


def with_cpus(cell: Cell, cpus: int) -> Cell:
    """The same cell on a machine of one node with so many CPUs."""
    return replace(cell, machine=replace(cell.machine, nodes=(replace(cell.machine.nodes[0], cpus=cpus),)))


def machine(case: Case) -> Machine:
    """The machine of the recording, with the swap area the case has and a disk of the set where one takes part.

    A RAM disk (brd) is a synchronous device like zram: faults take the same way past the swap cache.
    """
    disks = {"disk": disk(*next(iter(DISKS.values())))} if case.on_disk else {}
    swap = {}
    if case.backend == "diskswap":
        swap = {"swap": SwapTarget(kind="partition", disk="disk", size=4 * GiB)}
    elif anonymous_pages(case) or case.name in HOST_SWAP or case.guest:
        swap = {"zram": SwapTarget(kind="zram", size=4 * GiB)}
    return Machine(nodes=(GUEST_NODES[case.kernel] if case.guest else HOST_NODE,), disks=disks, swap=swap)


def with_tlb(cell: Cell, flush: int) -> Cell:
    """The same cell on CPUs with a TLB that is emptied every so often (ns)."""
    return replace(cell, machine=replace(cell.machine, tlb_flush=flush))


def cell(case: Case, folder: Path, *, think: int = 0, start: int = 0) -> Cell:
    """The cell that replays `case`; derived traces go to `folder`. `think`: ns between accesses, `start`: ns."""
    step = -(-trace_pages(case.trace)[0].size // SAMPLES)
    monitor = step if case.variant == "lazyflush" else MONITOR
    task = Task(
        stream=Stream(kind="trace", params={"path": str(replayed_trace(case, folder))}),
        cgroup="replay",
        memory=regions(case),
        think=think,
        start=start,
    )
    # The host's groups were of cgroup v1, with a swappiness of their own; the guests' of v2, which has the machine's.
    own, everybody = (None, case.swappiness) if case.guest else (case.swappiness, None)
    return Cell(
        kernel=case.kernel,
        machine=machine(case),
        vm=Sysctl(page_cluster=3 if case.variant == "cluster3" else 0, swappiness=everybody),
        cgroups={"replay": Cgroup(max=limit(case), swappiness=own, stat_read_every=monitor)},
        cgroup_version="v2" if case.guest else "v1",
        tasks={"replay": task},
        sampling=Sampling(accesses=step),
    )
