"""The only door to the model: run a cell, know its size, compile ahead, name the code that ran."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import cache, lru_cache
from importlib.metadata import version

import numpy as np

from mmrun.model import check as conservation
from mmrun.model import registry, results, workloads
from mmrun.model.build import Built, build, expand
from mmrun.model.core.cache import ROOT
from mmrun.model.core.codes import RUNNABLE
from mmrun.model.core.frozen import frozen
from mmrun.model.core.guard import ModelError, told, why_broken
from mmrun.model.core.state import turn
from mmrun.model.description import MAX_SAMPLES, Cell, Task
from mmrun.model.hung_task.place import show_at
from mmrun.model.life.sysctls import write_due
from mmrun.model.machine.state import CHUNK, MANY_TASKS, SMALL_CHUNK, run_settings
from mmrun.model.machine.state import progress as progress_of
from mmrun.model.mm.lru.state import LRUVEC
from mmrun.model.mm.memcg.state import PAGE_CGROUP
from mmrun.model.mm.page.settings import map_parts
from mmrun.model.mm.page.state import FRAME
from mmrun.model.mm.slab.state import OBJECT
from mmrun.model.mm.task import times
from mmrun.model.proc import Snapshot, snapshot
from mmrun.model.rules.cells import region_sizes, stream_regions
from mmrun.model.rules.record import Unsound
from mmrun.model.sources import outside
from mmrun.model.tracing.place import seen
from mmrun.model.tracing.watch import Seen, Watch
from mmrun.model.units import PAGE
from mmrun.model.workloads._own import with_own
from mmrun.model.yardstick import cell as measure

VERSIONS = ("llvmlite", "numba", "numpy")
TABLE_BYTES = 32  # a page of a generator that draws by popularity: permutation, weights, aliases while they are made


@frozen
class Outcome:
    """What a run counted.

    `metrics`: one value a name, kernel counters under kernel names, `outcome` is "ok", "oom" or "died". `series`:
    columns of one length sampled along the run, counters cumulative. `misses`: one bool per access of the only task,
    when asked for. `kills`: the lines of each report of the out-of-memory killer, of the first ones in full. `death`:
    of a machine that died, who waited for whom, a sentence a line. `events`: what was watched. `left`: the machine at
    the end, when asked for; `snapshots`: at the times that were asked for. `changes`: a line for each write of the
    timeline. `times`: where the time of each task and copy went, in ns by part.
    """

    metrics: dict[str, int | float | str]
    series: dict[str, np.ndarray]
    misses: np.ndarray | None
    kills: list[list[str]] = field(default_factory=list)
    death: list[str] = field(default_factory=list)
    events: Seen | None = None
    left: Snapshot | None = None
    changes: list[str] = field(default_factory=list)
    times: dict[str, dict[str, int]] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)


def simulate(
    cell: Cell,
    *,
    check: bool = False,
    record_misses: bool = False,
    watch: Watch | None = None,
    keep: bool = False,
    keep_at: Sequence[int] = (),
) -> Outcome:
    """Run `cell`. ModelError on a broken invariant; ValueError when the cell does not make sense.

    `check` verifies conservation after every kswapd run and every refill of a stream buffer. `record_misses`
    keeps a bit per access (one task only). `watch`: the trace events to keep; no number depends on it. `keep` takes a
    snapshot of the machine at the end, `keep_at` at these times (ns), in order; at the end if it ends before.
    """
    from mmrun.model import engine

    cell = registry.resolve(cell)
    streams = {name: _opened(cell, name, task) for name, task in expand(cell).items()}
    for name, task in expand(cell).items():
        if faults := list(stream_regions(task, streams[name].regions)):
            raise Unsound(faults)
    if record_misses and len(streams) != 1:
        raise ValueError("miss bits are kept for cells of exactly one task")
    yardstick = getattr(registry.load("lru", cell.policy["lru"]), "YARDSTICK", None)
    if yardstick:
        found, bits = measure.metrics(cell, yardstick, streams, _rng(cell, "yardstick"), record_misses)
        return Outcome(found, {}, bits)
    total = _length(cell) if record_misses else 0
    built = build(cell, {name: opened.footprint for name, opened in streams.items()}, total, watch)
    feed = _Feed(built, {name: opened.events for name, opened in streams.items()})
    m, samples, wanted, kept = built.memory.m, results.Samples(built), sorted(keep_at), list[Snapshot]()
    show_at(m, wanted)
    run_settings(m).check = int(check)
    assert built.stacks is not None
    with built.stacks.watched():
        while True:
            why = _run(m)
            if m.broken:
                raise ModelError(f"{why_broken(m)}, {int(progress_of(m).accesses)} accesses in")
            if why == engine.BREATH:  # here Python looks whether it has been interrupted
                continue
            if check:
                conservation.verify(built)
            if why == engine.SETTINGS_DUE:
                write_due(built)
            elif why == engine.WANT_EVENTS:
                feed.refill(int(turn(m).actor))
            elif why == engine.SAMPLE_DUE:
                samples.take()
            elif why == engine.SNAPSHOT:
                kept.append(snapshot(built))
                show_at(m, wanted[len(kept) :])
            elif why != engine.PASS_OVER:
                break
    misses = built.memory.table("missed")[: int(progress_of(m).accesses)].astype(bool) if record_misses else None
    found, kills, death = results.metrics(built), results.kills(built), results.death(built)
    left = snapshot(built) if keep or len(kept) < len(wanted) else None
    kept += [left for _ in wanted[len(kept) :] if left]
    changes, spent = results.changes(built), times.of_each(built)
    left = left if keep else None
    return Outcome(found, samples.series(), misses, kills, death, seen(built), left, changes, spent, kept)


def _run(m: np.record) -> int:
    """Let the engine run; an exception of a kernel becomes a ModelError that says where it was raised."""
    from mmrun.model import engine

    try:
        return engine.run(m)
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(told(error)) from error


class _Feed:
    """Fills the tasks' stream buffers from their iterators."""

    def __init__(self, built: Built, events: dict[str, Iterator[np.ndarray]]) -> None:
        self.tasks, self.buffer = built.memory.table("tasks"), built.memory.table("stream")
        self.chunk = int(run_settings(built.memory.m).chunk)
        self.sources = [iter(events[name]) for name in built.tasks]
        self.left: list[np.ndarray] = [np.empty(0, np.int64)] * len(self.sources)

    def refill(self, t: int) -> None:
        """Fill the buffer of task `t` from its stream, or mark it exhausted; the stream's own chunks leave no trace."""
        task, filled = self.tasks[t], 0
        while filled < self.chunk:
            if len(self.left[t]) == 0:
                following = next(self.sources[t], None)
                if following is None:
                    break
                self.left[t] = following
            taken = self.left[t][: self.chunk - filled]
            self.buffer[t * self.chunk + filled : t * self.chunk + filled + len(taken)] = taken
            self.left[t] = self.left[t][len(taken) :]
            filled += len(taken)
        task.exhausted, task.pos, task.filled, task.state = int(filled == 0), 0, filled, RUNNABLE


def _rng(cell: Cell, task: str) -> np.random.Generator:
    """The random stream of a task: named by seed, task and replicate, never by a policy or machine."""
    name = hashlib.sha256(f"{cell.seed}\0{task}\0{cell.replicate}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(name[:16], "little")))


def _opened(cell: Cell, name: str, task: Task) -> workloads.Opened:
    """The task's stream, with touches of the program's own pages in between."""
    opened = workloads.open_stream(task.stream, _rng(cell, name))
    first, events = 0, opened.events
    for region, size in zip(task.memory, region_sizes(task, opened.footprint), strict=True):
        if region.touched_every is not None:
            events = with_own(events, first, size, region.touched_every)
        first += size
    return replace(opened, events=events)


def _length(cell: Cell) -> int:
    """Accesses of the only task's stream, by running through it once."""
    ((name, task),) = expand(cell).items()
    return sum(len(chunk) for chunk in _opened(cell, name, task).events)


def trace_paths(cell: Cell) -> list[str]:
    """Files of the traces the cell's tasks replay."""
    return sorted({str(task.stream.params["path"]) for task in cell.tasks.values() if task.stream.kind == "trace"})


def memory_bytes(cell: Cell) -> int:
    """Resident memory a run needs, for scheduling: interpreter and kernels, machine tables, stream buffers."""
    frames = sum(node.memory for node in cell.machine.nodes) // PAGE
    slots = sum(target.size for target in cell.machine.swap.values()) // PAGE
    tasks = sum(task.count for task in cell.tasks.values())
    groups = 1 + sum(group.count for group in cell.cgroups.values())
    streams = tasks * (CHUNK if tasks <= MANY_TASKS else SMALL_CHUNK) * 16
    lruvecs = groups * len(cell.machine.nodes) * 4 * LRUVEC.itemsize
    keys = sum(
        (region.objects or 0) * task.count for task in cell.tasks.values() for region in task.memory if region.cache
    )
    objects = 2 * keys * OBJECT.itemsize  # with those they pin
    pages = frames * (FRAME.itemsize + PAGE_CGROUP.itemsize + 16)
    return 300_000_000 + pages + slots * 10 + streams + lruvecs + objects + _stream_bytes(cell) + _series_bytes(cell)


def _stream_bytes(cell: Cell) -> int:
    """Page tables and slots of the page cache, as far as they are touched, and the generators' tables of popularity."""
    total = 0
    for task in cell.tasks.values():
        kind, params = task.stream.kind, task.stream.params
        pages = workloads.footprint(kind, params)
        touched = min(pages, workloads.accesses_of(kind, params))
        total += task.count * (12 * touched + TABLE_BYTES * pages * ("exponent" in params))
    return total


def _series_bytes(cell: Cell) -> int:
    """The samples, twice while they are put together."""
    accesses = sum(t.count * workloads.accesses_of(t.stream.kind, t.stream.params) for t in cell.tasks.values())
    steps = ((accesses, cell.sampling.accesses), (cell.duration or 0, cell.sampling.every))
    samples = max(whole // step if step else 0 for whole, step in steps)
    columns = 300 + (map_parts(sum(node.memory for node in cell.machine.nodes)) if cell.sampling.memory_map else 0)
    return 2 * 8 * columns * min(samples, MAX_SAMPLES)


@cache
def _sources() -> str:
    """Of the model's files, and of the packages whose versions may change a compiled sum or a random stream."""
    digest = hashlib.sha256(repr([(name, version(name)) for name in VERSIONS]).encode())
    for path in sorted((ROOT / "model").rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _contents(path: str, _size: int, _mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(cell: Cell | None = None) -> str:
    """Hash of what a cell's numbers depend on beside its configuration: the model's sources, numba, llvmlite and numpy
    by version, and of the cell's outside policies with all they import and of its traces the contents."""
    digest = hashlib.sha256(_sources().encode())
    if cell is not None:
        policies = {variant.file for variant in cell.policy.values() if variant.file}
        parts = [outside.read(path).digest for path in policies]
        for path in trace_paths(cell):
            found = os.stat(path)
            parts.append(_contents(path, found.st_size, found.st_mtime_ns))
        digest.update(" ".join(sorted(parts)).encode())
    return digest.hexdigest()[:20]


def warm(cell: Cell | None = None, progress: Callable[[str], None] | None = None) -> float:
    """Compile what is built in and, for a `cell` with variants of its own, those; seconds it took.

    Machine code is kept in files: where it is there already, this takes milliseconds. `progress` is told sentences.
    """
    from mmrun.model import warmup
    from mmrun.model.core.jit import INTERPRETED
    from mmrun.model.library import main

    started = time.perf_counter()
    if not INTERPRETED:
        main.main_image(progress or main.quiet)
    if cell is not None:
        simulate(warmup.small(cell))
    return time.perf_counter() - started


def compiled() -> bool:
    """Whether what is built in has been compiled on this machine, or came compiled."""
    from mmrun.model.library import main

    return main.ready()
