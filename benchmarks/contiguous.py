"""Contiguous memory on a fragmented machine: requests that a CPU second of the model serves."""

import time
from collections.abc import Iterator

from benchmarks.machine import ERA
from benchmarks.measure import Row
from mmrun.model import api
from mmrun.model.description import Cell, Machine, Node, Stream, SwapTarget, Task
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.units import GiB, MiB, S


def cell(requests: int, memory: int) -> Cell:
    """Anonymous memory fills the machine, every fourth page stays; then so many buffers of 1 MiB of its area, held."""
    hog = Stream(kind="hog", params={"size": memory * 15 // 16, "keep": "e4"})
    camera = {"frame": MiB, "buffers": requests, "sessions": 1, "runs": 0, "first": 60 * S}
    return Cell(
        kernel=ERA,
        machine=Machine(
            nodes=(Node(memory=memory, cpus=2),), cma={"video": CmaArea(size=memory // 4)},
            swap={"zram": SwapTarget(kind="zram", size=memory // 4)},
        ),
        tasks={"hog": Task(stream=hog, stays=True), "camera": Task(stream=Stream(kind="camera", params=camera))},
    )  # fmt: skip


def measured(what: Cell) -> tuple[float, dict[str, int | float | str]]:
    """Least CPU seconds of five runs, and their metrics, which are alike."""
    times, found = [], dict[str, int | float | str]()
    for _ in range(5):
        start = time.process_time()
        found = api.simulate(what).metrics
        times.append(time.process_time() - start)
    return min(times), found


def rows(quick: bool) -> Iterator[Row]:
    """Requests a CPU second, each of which moves pages away; filling the machine is measured by itself and left out."""
    memory = GiB // 2 if quick else GiB
    requests = memory // 4 // MiB * 7 // 8
    api.warm(cell(1, memory))
    before, _ = measured(cell(1, memory))
    took, found = measured(cell(requests, memory))
    if took <= before:
        raise RuntimeError(f"{requests} requests took no time that shows beside {before:.2f} s")
    rate, moved = (requests - 1) / (took - before), found.get("migrated_contig_range", 0)
    yield Row(
        "contiguous", "requests of 1 MiB from an area, every fourth page in use", rate, "requests/s", rate,
        note=f"{found['cma_alloc_success']:,} of {requests:,} served, "
        f"{found['cma_alloc_busy_retry']:,} ranges tried in vain, {moved:,} pages migrated",
    )  # fmt: skip
