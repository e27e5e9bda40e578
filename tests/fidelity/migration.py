"""move_pages as recorded on a guest, and what batches save; see data/README.md."""

import csv
from dataclasses import dataclass
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Machine, Node, Region, Variant
from mmrun.model.mm.driver.events import pin
from mmrun.model.mm.migrate.events import moves
from mmrun.model.mm.migrate.state import movers
from mmrun.model.units import MiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import OWN_CPUS, Run, given, one, run, writes

COUNTS = {
    "returned": "what the call returned",
    "node0": "pages on node 0 afterwards",
    "node1": "pages on node 1 afterwards",
    "moved": "statuses: on the node",
    "absent": "statuses: -ENOENT",
    "refused": "statuses: -EACCES",
    "unset": "statuses not written",
    "pgmigrate_success": "pgmigrate_success",
    "pgmigrate_fail": "pgmigrate_fail",
    "numa_hit": "numa_hit of node 1",
    "other_node": "numa_other of node 1",
    "inactive_anon": "nr_inactive_anon of node 1",
}
KINDS = {
    "anon": "anonymous memory",
    "vmsplice": "every fourth page pinned by vmsplice",
    "hole": "every fourth page never touched",
    "shared": "pages that another process maps, too",
}
PUBLISHED = {"interrupts": -0.99, "pages a second": 2.92}  # migrate_pages: batch TLB flushing, 6.3: 0 of both is equal
MOVED = 2048  # pages of the comparison


@dataclass(frozen=True)
class Move:
    """One recorded call: what was moved, how many pages; the counts of each repeat."""

    kind: str
    pages: int
    repeats: tuple[dict[str, int], ...]


@cache
def recorded() -> tuple[Move, ...]:
    """Every recorded call."""
    found: dict[tuple[str, int], list[dict[str, int]]] = {}
    with (DATA / "migration.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            counts = {name: int(row[name]) for name in COUNTS}
            found.setdefault((row["kind"], int(row["pages"])), []).append(counts)
    return tuple(Move(kind, pages, tuple(repeats)) for (kind, pages), repeats in found.items())


def _streams(kind: str, pages: int) -> dict[str, np.ndarray]:
    """What the tasks do: touch, pin; another maps the same; then all pages are to go to node 1."""
    touched = [page for page in range(pages) if kind != "hole" or page % 4]
    parts = [writes(touched)]
    if kind == "vmsplice":
        parts.append(pin(range(0, pages, 4)))
    streams = {"t": np.concatenate([*parts, moves(0, pages, 1)])}
    return {"other": writes(touched), **streams} if kind == "shared" else streams


@cache
def simulated(kind: str, pages: int) -> dict[str, int]:
    """The model's counts of the same call."""
    host = Machine(nodes=(Node(memory=384 * MiB, cpus=1), Node(memory=384 * MiB, cpus=0)))
    if kind == "shared":
        file = Region(kind="file", file="f")
        tasks = {"other": given(file), "t": given(file, start=1_000_000_000)}
        done = run(Cell(kernel="6.12", machine=host, tasks=tasks), _streams(kind, pages), check=False)
    else:
        done = run(one("6.12", host), _streams(kind, pages), footprint=pages, check=False)
    mover, t = movers(done.m)[len(done.built.tasks) - 1], len(done.built.tasks) - 1
    nodes = [done.node_of(page, t) for page in range(pages)]
    counts = {name: int(mover[name]) for name in ("returned", "moved", "absent", "refused", "unset")}
    counts |= {f"node{node}": nodes.count(node) for node in (0, 1)}
    counts |= {name: int(done.metrics[name]) for name in ("pgmigrate_success", "pgmigrate_fail")}
    counts |= {name: int(done.metrics[f"node1.{name}"]) for name in ("numa_hit", "other_node")}
    return counts | {"inactive_anon": int(done.metrics["node1.nr_inactive_anon"])}


def differences() -> list[str]:
    """Counts of calls that differ from a repeat of the recording, in words; the recording repeats exactly."""
    return [
        f"{move.kind} {move.pages}: {name} {simulated(move.kind, move.pages)[name]}, recorded {repeat[name]}"
        for move in recorded()
        for repeat in move.repeats
        for name in COUNTS
        if simulated(move.kind, move.pages)[name] != repeat[name]
    ]


@cache
def compared(sharers: int) -> dict[str, float]:
    """Batched against one by one: pages that so many tasks map, each on a CPU of its own, are moved by one more.

    Relative differences of interrupts for TLB flushes, and of pages moved a second of the mover's time.
    """
    found = {variant: _moved_among(sharers, variant) for variant in ("one-by-one", "batched")}
    old, new = (_rates(found[variant]) for variant in ("one-by-one", "batched"))
    return {name: new[name] / old[name] - 1 for name in PUBLISHED}


def _moved_among(sharers: int, variant: str) -> Run:
    host = Machine(nodes=(Node(memory=64 * MiB, cpus=sharers + 1), Node(memory=64 * MiB, cpus=0)))
    file = Region(kind="file", file="f")
    tasks = {f"s{i}": given(file) for i in range(sharers)} | {"t": given(file, start=1_000_000_000)}
    streams = {name: writes(range(MOVED)) for name in tasks} | {"t": moves(0, MOVED, 1, whose=0, everybodys=True)}
    policy = {**OWN_CPUS, "migration": Variant(variant=variant)}
    return run(Cell(kernel="6.12", machine=host, tasks=tasks, policy=policy), streams, footprint=MOVED, check=False)


def _rates(done: Run) -> dict[str, float]:
    assert done.metrics["pgmigrate_success"] == MOVED
    return {
        "interrupts": done.metrics["migrate_ipis"],
        "pages a second": MOVED / done.metrics["task.t.fault_ns"],
    }


def section() -> list[str]:
    """Markdown: the recorded calls, and batches."""
    rows = []
    for move in recorded():
        model = simulated(move.kind, move.pages)
        for name, doc in COUNTS.items():
            values = [repeat[name] for repeat in move.repeats]
            span = f"{min(values):,}" if min(values) == max(values) else f"{min(values):,}–{max(values):,}"
            if any(values) or model[name]:
                rows.append([KINDS[move.kind], f"{move.pages:,}", doc, span, f"{model[name]:,}"])
    head = ("move_pages from node 0 to node 1", "pages", "quantity", "recorded, 3 repeats", "simulated")
    batches = [
        [f"{sharers}", *(f"{100 * compared(sharers)[name]:+.1f}" for name in PUBLISHED)] for sharers in (1, 7, 20, 31)
    ]
    batches.append(["published", *(f"{100 * value:+.0f}" for value in PUBLISHED.values())])
    batched = table(("CPUs that use the pages", "interrupts %", "pages a second %"), batches)
    return [*table(head, rows).splitlines(), "", *batched.splitlines()]
