"""Contiguous memory on a fragmented machine: requests that a CPU second of the model serves."""

import time
from collections.abc import Iterator

from benchmarks.machine import ERA
from benchmarks.measure import Row
from mmrun.model import api
from mmrun.model.description import Cell, Machine, Node, Stream, SwapTarget, Task
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.units import GiB, MiB, S


def cell(count: int, memory: int = GiB // 2) -> Cell:
    """Anonymous memory fills the machine, every fourth page stays; then buffers of 1 MiB come and go in its area."""
    hog = Stream(kind="hog", params={"size": memory * 15 // 16, "keep": "e4"})
    camera = {"frame": MiB, "buffers": 64, "sessions": count // 64, "runs": 0, "pause": S // 1000, "first": 60 * S}
    return Cell(
        kernel=ERA,
        machine=Machine(
            nodes=(Node(memory=memory, cpus=2),), cma={"video": CmaArea(size=memory // 4)},
            swap={"zram": SwapTarget(kind="zram", size=memory // 4)},
        ),
        tasks={"hog": Task(stream=hog, stays=True), "camera": Task(stream=Stream(kind="camera", params=camera))},
    )  # fmt: skip


def measured(what: Cell) -> tuple[float, dict[str, int | float | str]]:
    """CPU seconds of a run, and its metrics."""
    start = time.process_time()
    found = api.simulate(what).metrics
    return time.process_time() - start, found


def rows(quick: bool) -> Iterator[Row]:
    """Requests and pages a CPU second, filling the machine left out."""
    count = 640 if quick else 6_400
    api.warm(cell(64, GiB // 8))
    before, _ = measured(cell(64))
    took, found = measured(cell(64 + count))
    rate = count / max(took - before, 1e-9)
    yield Row(
        "contiguous", "requests of 1 MiB from an area, every fourth page in use", rate, "requests/s", rate,
        note=f"{found['cma_alloc_success']:,} served, {found['cma_alloc_busy_retry']:,} ranges tried in vain, "
        f"{found.get('migrated_contig_range', 0):,} pages migrated",
    )  # fmt: skip
