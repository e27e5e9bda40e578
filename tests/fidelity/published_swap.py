"""Published figures on anonymous memory and swap (2017 to 2020) beside simulated ones."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Stream, SwapTarget, Task, Variant
from mmrun.model.units import GiB, MiB
from tests.fidelity.published import Metrics, Published, compare, side_by_side

WORKINGSET = "Anonymous working set, v4 of March 2020 (merged in 5.9; 5.8 → 5.15)"
HEAP = "a heap of twice the memory, zipf {}"
READAHEAD = "Readahead by mappings, v5 of August 2017 (merged in 4.14; 1/128 of the 32 GB)"
EBIZZY = {"0.1": 18, "0.3": 19, "0.5": 21, "0.7": 16, "0.9": 16, "1.1": 12, "1.3": 11}  # percent, one thread
TRACE = Path(__file__).parent / "data" / "traces" / "hot2.mmt"
FAST = Disk(kind="generic", read_latency=94_000, write_latency=20_000, parallel=16, read_bandwidth=2_700_000_000,
            write_bandwidth=1_000_000_000)  # fmt: skip


def rate(metrics: Metrics) -> float:
    """Accesses a second."""
    return float(metrics["accesses"]) / float(metrics["elapsed_ns"]) * 1e9


def heap(exponent: str, kernel: str) -> Cell:
    """A program that touches a heap of twice the memory, some pages more often than others; swap in memory."""
    machine = Machine(nodes=(Node(cpus=8, memory=128 * MiB),), swap={"z": SwapTarget(kind="zram", size=512 * MiB)})
    params = {"size": 256 * MiB, "exponent": float(exponent), "write_fraction": 0.5}
    params["accesses"] = {"1.1": 4_000_000, "0.9": 4_000_000, "1.3": 16_000_000}.get(
        exponent, 400_000
    )  # to fill memory
    return Cell(kernel=kernel, machine=machine, tasks={"t": Task(stream=Stream(kind="zipf", params=params))})


def two_hot_sets(kernel: str) -> Cell:
    """A quarter of 280 MB: a cold set once, a hot one a while, then another and a quarter of the cold one, by turns."""
    cell = heap("0.1", kernel)
    task = Task(stream=Stream(kind="trace", params={"path": str(TRACE)}), cgroup="g")
    return replace(cell, tasks={"t": task}, cgroups={"g": Cgroup(max=70 * MiB, stat_read_every=1000)})


def mapped_readahead(variant: str) -> Cell:
    """Four sequential writers of more than memory beside eight that write at random, swap on flash."""
    machine = Machine(
        nodes=(Node(cpus=16, memory=256 * MiB),), disks={"ssd": FAST},
        swap={"ssd": SwapTarget(kind="partition", disk="ssd", size=GiB)},
    )  # fmt: skip
    shared = {"accesses": 2_000_000, "write_fraction": 1.0}
    tasks = {
        "sequential": Task(count=4, stream=Stream(kind="loop", params=shared | {"size": 100 * MiB})),
        "random": Task(count=8, stream=Stream(kind="uniform", params=shared | {"size": 30 * MiB})),
    }
    policy = {"swap_readahead": Variant(variant=variant)}
    return Cell(kernel="4.19", machine=machine, tasks=tasks, duration=2_300_000_000, policy=policy)


def throughput(metrics: Metrics) -> float:
    """Accesses of the sequential writers."""
    return sum(float(metrics[f"task.sequential.{i}.accesses"]) for i in range(4))


def hits(metrics: Metrics) -> float:
    """Pages read ahead that were used, in per cent."""
    return 100 * float(metrics["swap_ra_hit"]) / max(1.0, float(metrics["swap_ra"]))


def figures() -> Iterator[Published]:
    """Every row: quantities that were published in per cent have 100 before."""
    for exponent, percent in EBIZZY.items():
        yield Published(
            case=f"{WORKINGSET}: {HEAP.format(exponent)}", quantity="records a second", before=100, after=100 + percent,
            cells=(heap(exponent, kernel="5.8"), heap(exponent, kernel="5.15")), value=rate,
        )  # fmt: skip
    for name, before, after in (("pswpin", 863_240, 681_565), ("pswpout", 989_945, 809_273)):
        yield Published(
            case=f"{WORKINGSET}: two hot sets", quantity=name, before=before, after=after,
            cells=(two_hot_sets("5.8"), two_hot_sets("5.15")), value=lambda metrics, name=name: float(metrics[name]),
        )  # fmt: skip
    pair = (mapped_readahead("adaptive-cluster"), mapped_readahead("adaptive"))
    yield Published(
        case=READAHEAD, quantity="KB/s, accesses", before=345_413, after=414_029, cells=pair, value=throughput
    )
    yield Published(
        case=READAHEAD,
        quantity="% of pages read ahead used",
        before=52.69,
        after=99.98,
        cells=pair,
        value=hits,
        digits=1,
    )


def section() -> str:
    """The part of the validation report."""
    return side_by_side(compare(list(figures())))
