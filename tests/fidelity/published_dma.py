"""What papers and postings measured of IOMMUs and bounce buffers, beside the same set-ups here; costs as declared."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mmrun.model.api import simulate
from mmrun.model.block.settings import Link
from mmrun.model.description import Cell, Machine, Node, Stream, Task, Variant
from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.units import GBIT_S, MS, KiB, MiB
from tests.fidelity.markdown import table
from tests.fidelity.published import Metrics, Published, compare, side_by_side

GHZ = 3.1  # of Malka's machine
MALKA = {  # cycles: addresses (found, looked up, given back), page tables of map and unmap, invalidation, the rest
    "strict": (3986 + 249 + 159, 588 + 438, 2127, 44 + 26),
    "strict+": (92 + 418 + 62, 590 + 427, 2135, 45 + 25),
    "defer": (1674 + 263 + 189, 533 + 471, 9, 44 + 205),
    "defer+": (108 + 454 + 57, 577 + 504, 9, 42 + 216),
}
ALLOCATORS = {"": "tree-2011", "+": "magazines"}
WORK = 1816  # cycles of a packet without an IOMMU
Pair = tuple[Cell, Cell]


def queues(
    mode: str | None, allocator: str = "magazines", cores: int = 1, kernel: str = "6.12", unit: str = "intel",
    gbit: int = 40, ms: int = 20, **stream: object,
) -> Cell:  # fmt: skip
    """So many queues of one card that receive; `mode` None: nothing translates."""
    card = Nic(link="wire", iommu=None if mode is None else "unit")
    host = Machine(
        nodes=(Node(cpus=max(4, cores), memory=512 * MiB),), links={"wire": Link(bandwidth=gbit * GBIT_S)},
        iommus={"unit": Iommu(kind=unit)}, devices={"card": card}, use=("card",),
    )  # fmt: skip
    params = {"device": "card", "way": "receive", "packet": 1500, "ring": 256, "count": 10_000_000} | stream
    policy = {"sched": Variant(variant="own-cpu"), "iova": Variant(variant=allocator)}
    if mode is not None:
        policy["iommu"] = Variant(variant=mode)
    task = Task(stream=Stream(kind="packets", params=params), count=cores)
    return Cell(kernel=kernel, machine=host, tasks={"queue": task}, duration=ms * MS, policy=policy)


def cycles(metrics: Metrics) -> float:
    """Cycles of a packet."""
    return float(metrics["dma_packet_ns"]) * GHZ


def rate(metrics: Metrics) -> float:
    """Share of the line rate in per cent."""
    return 100 * float(metrics["dma_line_share"])


def malka(which: str | None, directions: int = 2) -> Cell:
    """A queue that is never idle, for the link is faster than it; with two directions another one that sends."""
    mode = None if which is None else "strict" if which.startswith("strict") else "lazy"
    cell = queues(mode, ALLOCATORS["+" if which and which.endswith("+") else ""], kernel="3.6", gbit=100)
    one = cell.tasks["queue"]
    other = replace(one, stream=Stream(kind="packets", params=dict(one.stream.params) | {"way": "send"}))
    return replace(cell, tasks={"queue": one} | ({"other": other} if directions == 2 else {}))


def _rows() -> Iterator[tuple[str, str, float, float, Pair, Callable[[Metrics], float]]]:
    for directions, said in ((1, "a queue that receives"), (2, "and one that sends, on another core")):
        for which, each in MALKA.items():
            yield (f"rIOMMU (ASPLOS 2015), {said}: none → {which}", "cycles a packet", WORK, WORK + 2 * sum(each),
                   (malka(None, directions), malka(which, directions)), cycles)  # fmt: skip
    sends: dict[str, Any] = {"gbit": 10, "way": "send", "packet": 64 * KiB, "pieces": 17, "ring": 16, "ms": 60}
    for mode, percent in (("strict", 43), ("lazy", 91)):
        yield ("vIOMMU (ATC 2011), 10 Gbit/s, an emulated unit (here: virtio-iommu; 64 KiB in 17 mappings)",
               f"% of the line rate, {mode}", 100, percent,
               (queues(None, **sends), queues(mode, unit="virtio", **sends)), rate)  # fmt: skip
    for cores in (1, 16):
        pair = (queues("strict", "magazines", cores), queues("shadow-copy", "magazines", cores))
        yield ("True IOMMU Protection (ASPLOS 2016), 40 Gbit/s: strict → shadow copies, up to 5 times",
               f"% of the line rate, {cores} cores", 20, 100, pair, rate)  # fmt: skip
    pair = (queues(None, cores=16), queues("identity", cores=16))
    yield ("Utilizing the IOMMU Scalably (ATC 2015), 16 cores: none → identity mappings, at least 88.5 %",
           "% of the line rate", 100, 88.5, pair, rate)  # fmt: skip
    many: dict[str, Any] = {"cores": 16, "gbit": 200, "mapping": "pool"}
    translated = queues("strict", **many)
    yield ("Farshin et al. (2023), 200 Gbit/s: none → pages of a pool, up to 20 % less", "% of the line rate", 100, 80,
           (queues(None, **many), translated), rate)  # fmt: skip
    yield ("Farshin et al.: pages → huge pages, which recover it", "% of the line rate", 80, 100,
           (translated, queues("strict", chunk=2 * MiB, **many)), rate)  # fmt: skip
    for size, gain in ((4, 2.8), (16, 4.7)):
        guest: dict[str, Any] = {"unit": "virtio", "gbit": 25, "packet": size * KiB, "pieces": 1, "work": 2000}
        yield ("Pooled bounce buffers (2021), NVMe reads over virtio-iommu: strict → copies into a pool",
               f"{size} KiB reads, throughput", 1, gain,
               (queues("strict", **guest), queues("shadow-copy", **guest)), rate)  # fmt: skip


def figures() -> Iterator[Published]:
    """Every row."""
    for case, quantity, before, after, cells, value in _rows():
        yield Published(
            case=case, quantity=quantity, before=before, after=after, cells=cells, value=value, digits=0,
            missing="both carry the whole link here; what differs are the edges of a short run",
        )  # fmt: skip


def parts_of(metrics: Metrics) -> list[float]:
    """Cycles of a mapping and its unmapping by cause: addresses, tables and the rest, invalidation, waiting."""
    each = ("address", "table", "invalidate", "wait")
    return [float(metrics[f"dma_packet_{part}_ns"]) * GHZ / 2 for part in each]


def causes() -> str:
    """Malka's cycles by cause beside ours."""
    rows = []
    for which, (addresses, tables, invalidation, rest) in MALKA.items():
        own = parts_of(simulate(malka(which)).metrics)
        published = [addresses, tables + rest, invalidation]
        said = [f"{there:,} / {here:,.0f}" for there, here in zip(published, own[:3], strict=True)]
        rows.append([which, *said, f"{sum(published):,} / {sum(own[:3]):,.0f}", f"{own[3]:,.0f}"])
    head = ("published / simulated, cycles a mapping", "addresses", "tables and the rest", "invalidation", "together",
            "waiting for the other queue")  # fmt: skip
    return table(head, rows)


def section() -> str:
    """The part of the validation report."""
    return f"{side_by_side(compare(list(figures())))}\n\n{causes()}"
