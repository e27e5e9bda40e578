"""The machines and loads of the postings on writeback from reclaim, as far as they say what they were.

Memory is as posted. fsmark writes three times memory where the postings' wrote 37 GB, the mappings are twice memory.
"""

from dataclasses import replace

from mmrun.model.description import (
    Cell,
    Disk,
    Machine,
    Mempolicy,
    Node,
    Region,
    Stream,
    SwapTarget,
    Sysctl,
    Task,
    Variant,
)
from mmrun.model.units import MB_S, MS, US, Bytes, GiB, MiB

FILE = 10 * MiB  # fsmark's
CHEAPER = 4  # the machine and stream of table A are this much smaller than posted

Policy = dict[str, Variant]
QUIET = Variant(variant="wait-iff-congested", params={"batch": True})
ONE_TO_SEVEN: Policy = {"reclaim_writeback": Variant(variant="kswapd-only"), "reclaim_throttle": QUIET}
ONE_TO_EIGHT: Policy = ONE_TO_SEVEN | {"reclaim_writeback": Variant(variant="kswapd-only", params={"priority": -1})}


def raid(memory: Bytes, nodes: int, writepage: str) -> Machine:
    """Four CPUs, RAID0 of four disks that do 300 MB/s together, swap on a disk of its own.

    Fake nodes of a machine without SRAT get its CPUs in turn (numa_init_array).
    """
    disks = {name: Disk(kind="hdd", read_bandwidth=80 * MB_S) for name in "abcde"}
    disks["raid"] = Disk(kind="stripe", members=tuple("abcd"), writepage=writepage)  # type: ignore[arg-type]
    return Machine(
        nodes=tuple(Node(cpus=len(range(n, 4, nodes)), memory=memory // nodes) for n in range(nodes)),
        disks=disks, swap={"e": SwapTarget(kind="partition", disk="e", size=4 * GiB)}, hz=250,
    )  # fmt: skip


def writer(size: Bytes, region: Region, count: int = 1) -> Task:
    """Tasks that write so much with write(), each once from end to end."""
    return Task(
        stream=Stream(kind="writer", params={"size": size, "accesses": size // 4096}), memory=(region,), count=count
    )


def fsmark(memory: Bytes, threads: int = 4) -> dict[str, Task]:
    """Threads that write files of 10 MiB one after the other, three times memory in all."""
    each = max(1, 3 * memory // threads // FILE) * FILE
    return {"fsmark": writer(each, Region(kind="file", access="read", disk="raid", file_size=FILE), threads)}


def simple_wb(memory: Bytes) -> dict[str, Task]:
    """One sequential writer, three times memory."""
    return {"dd": writer(3 * memory, Region(kind="file", access="read", disk="raid"))}


def mmap_strm(memory: Bytes, threads: int = 4) -> dict[str, Task]:
    """A writer through a mapping of a sparse file of twice memory; soon threads over anonymous and file mappings.

    The mix has 60 % of memory of each kind; every thread goes over its part one and a half times.
    """
    size, part = 2 * memory, memory * 6 // 10 // threads // MiB * MiB
    stream = Stream(kind="loop", params={"size": size, "accesses": size // 4096, "write_fraction": 1.0})
    sparse = Region(kind="file", disk="raid", sparse=True)
    swept = {"size": 2 * part, "accesses": 3 * part // 4096, "write_fraction": 0.5}
    return {
        "strm": Task(stream=stream, memory=(sparse,), think=200),
        "mix": Task(
            stream=Stream(kind="loop", params=swept), memory=(Region(size=part), sparse), count=threads,
            think=1 * US, start=memory // MiB * MS,
        ),
    }  # fmt: skip


def spread(tasks: dict[str, Task], nodes: int) -> dict[str, Task]:
    """The threads of each kind on the nodes with CPUs in turn."""
    if nodes == 1:
        return tasks
    return {
        f"{name}-{n}": replace(task, count=count, node=n)
        for name, task in tasks.items()
        for n in range(min(nodes, 4))
        if (count := len(range(n, task.count, min(nodes, 4))))
    }


def posted(
    tasks: dict[str, Task], memory: Bytes = 512 * MiB, nodes: int = 1, policy: Policy | None = None,
    kernel: str = "3.0", writepage: str = "kswapd",
) -> Cell:  # fmt: skip
    """A cell of tables B and C."""
    return Cell(
        kernel=kernel, machine=raid(memory, nodes, writepage), tasks=spread(tasks, nodes), policy=policy or {},
        vm=Sysctl(dirty_ratio=40),
    )  # fmt: skip


def mapped_stream(throttle: Variant) -> Cell:
    """Table A: 3 GB (here a quarter of it), one disk, one reader of a large sparse mapping."""
    memory = 3 * GiB // CHEAPER
    stream = Stream(kind="loop", params={"size": 6 * memory, "accesses": 6 * memory // 4096})
    disks = {"a": Disk(kind="hdd"), "e": Disk(kind="hdd")}
    host = Machine(
        nodes=(Node(cpus=4, memory=memory),), disks=disks, hz=250,
        swap={"e": SwapTarget(kind="partition", disk="e", size=GiB)},
    )  # fmt: skip
    return Cell(
        kernel="3.0", machine=host, policy={"reclaim_throttle": throttle},
        tasks={"stream": Task(stream=stream, memory=(Region(kind="file", disk="a", sparse=True),))},
    )  # fmt: skip


def stick(limits: str, **disk: object) -> Cell:
    """Table D: 15 MB DMA, 3246 MB DMA32, 504 MB Normal; 10 GiB written to a stick of 19.5 MB/s."""
    usb = Disk(kind="usb", write_bandwidth=19_500_000, **disk)  # type: ignore[arg-type]
    low, high = 3262 * MiB, 504 * MiB
    host = Machine(
        nodes=(Node(cpus=2, memory=low + high),), pci_hole=4 * GiB - low, hz=250,
        disks={"u": usb, "e": Disk(kind="hdd")},
        swap={"e": SwapTarget(kind="partition", disk="e", size=4 * GiB)},
    )  # fmt: skip
    dd = writer(10 * GiB, Region(kind="file", access="read", disk="u"))
    return Cell(
        kernel="3.1", machine=host, tasks={"dd": dd}, vm=Sysctl(dirty_ratio=40),
        policy={"dirty_limits": Variant(variant=limits)},
    )  # fmt: skip


def stutter(throttle: str, **params: bool) -> Cell:
    """Table E: what stutterp mixes, writers and anonymous memory, in numbers of our own.

    Its counts say that reclaim met little but dirty pages. Here that is so because all is bound to a node of 512 MiB
    while the limit on dirty pages is that of 4 GiB.
    """
    bound = Mempolicy(mode="bind", nodes=(0,))
    anon = Stream(kind="loop", params={"size": 24 * MiB, "accesses": 20 * 6144, "write_fraction": 1.0})
    tasks = fsmark(256 * MiB) | {"anon": Task(stream=anon, count=4, think=10 * US)}
    return Cell(
        kernel="5.15", machine=raid(4 * GiB, 8, "writes"), vm=Sysctl(dirty_ratio=40),
        tasks={name: replace(task, mempolicy=bound) for name, task in tasks.items()},
        policy={"reclaim_throttle": Variant(variant=throttle, params={**params})},
    )  # fmt: skip
