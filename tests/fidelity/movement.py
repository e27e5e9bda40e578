"""Pages that move between nodes, as recorded on guests: promotion, demotion, balancing (data/README.md)."""

import csv
from dataclasses import fields, replace
from functools import cache

import numpy as np

from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Costs, Machine, Node, Region, Sysctl
from mmrun.model.mm.driver.events import alloc_buffers
from mmrun.model.mm.numa_balancing.policy import policies
from mmrun.model.units import MS, PAGE, MiB, S
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import given, run, writes

PAGES_A_MIB = MiB // PAGE
FAST, SLOW = (3840 + 66_620) * PAGE, 160_681 * PAGE  # managed pages of the recorded guest's nodes
IN_USE = 15_085  # by the kernel on node 0: what was not free when the program had filled it
ROUND = 50 * MS
SAMPLED = 245  # pages of the recording program's own, which it uses once a second to ask where pages are
# How much slower the emulated CPU was than what the costs stand for: a first touch took 8.6 us (fill time over pages of
# the smaller case), 1 us by default. Which faults find room that kswapd has made, and when, hangs on that.
SLOWER = 9
Counts = dict[str, int]


@cache
def recorded(case: str) -> tuple[Counts, ...]:
    """Counters by repeat; those of other phases than `run` with the phase before."""
    found: dict[int, Counts] = {}
    with (DATA / "movement.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                name = row["counter"] if row["phase"] == "run" else f"{row['phase']} {row['counter']}"
                found.setdefault(int(row["repeat"]), {})[name] = int(row["value"])
    return tuple(found[repeat] for repeat in sorted(found))


def slower(times: int) -> Costs:
    """The costs of a CPU so many times slower, as an emulated one is."""
    usual = Costs()
    return replace(usual, **{each.name: getattr(usual, each.name) * times for each in fields(usual)})


def _rounds(hot: range, seconds: int, extra: range) -> np.ndarray:
    """Every 50 ms all hot pages are written, then the task spins; once a second it uses its own pages as well."""
    found = []
    for number in range(seconds * 20):
        found += [writes(hot), compute(ROUND - len(hot) * 100)]
        if extra and number % 20 == 19:
            found.append(writes(extra))
    return np.concatenate(found)


def _kernels_own(pages: int) -> np.ndarray:
    """Buffers of so many pages that nothing moves."""
    large, small = divmod(pages, 16)
    return np.concatenate([alloc_buffers(np.arange(large), 4), alloc_buffers(large + np.arange(small), 0)])


def tiered(size: int, hot: int, hot_at: int, seconds: int, slow: bool, speed: int = SLOWER) -> Counts:
    """The recorded program on its two nodes: it fills `size` MiB, then uses `hot` MiB of them again and again."""
    pages, own = size * PAGES_A_MIB, 0 if slow else SAMPLED
    first = hot_at * PAGES_A_MIB
    fill = writes(range(pages))
    if slow:
        fill = np.concatenate([policies("bind", (1,)), fill, policies("local")])
    rounds = _rounds(range(first, first + hot * PAGES_A_MIB), seconds, range(pages, pages + own))
    regions = (Region(size=pages * PAGE), *((Region(size=own * PAGE),) if own else ()))
    cell = Cell(
        kernel="6.12",
        machine=Machine(nodes=(Node(cpus=1, memory=FAST), Node(cpus=0, memory=SLOW, latency=190)), costs=slower(speed)),
        tasks={"kernel": given(Region(size=PAGE)), "tier": given(*regions, start=1 * S)},
        vm=Sysctl(numa_balancing=2, demotion_enabled=1, min_free_kbytes=44_992),
    )
    streams = {"kernel": _kernels_own(IN_USE), "tier": [fill, rounds]}
    done = run(cell, streams, check=False, footprint=1)
    found = {name: int(value) for name, value in done.metrics.items() if isinstance(value, int)}
    where = [done.node_of(page, 1) for page in range(pages)]
    for node in (0, 1):
        found[f"end hot_n{node}"] = sum(each == node for each in where[first : first + hot * PAGES_A_MIB])
    return found


@cache
def promotion() -> Counts:
    """32 of 96 MiB on the slow node are used; the fast one has room."""
    return tiered(96, 32, 0, 8, slow=True)


@cache
def full() -> Counts:
    """322 MiB fill the fast node and some of the slow one; 48 MiB there are used."""
    return tiered(322, 48, 274, 12, slow=False)


@cache
def balanced(mode: int) -> Counts:
    """64 MiB bound to node 1 when first touched, used from node 0 for 25 s: what the guest of 6.1 called `balance`."""
    pages = 64 * PAGES_A_MIB
    first = [policies("bind", (1,)), writes(range(pages)), policies("local")]
    cell = Cell(
        kernel="6.1", machine=Machine(nodes=(Node(cpus=1, memory=256 * MiB), Node(cpus=1, memory=256 * MiB))),
        tasks={"t": given(Region(size=pages * PAGE))}, vm=Sysctl(numa_balancing=mode),
    )  # fmt: skip
    done = run(cell, {"t": [np.concatenate(first), _rounds(range(pages), 25, range(0))]}, check=False)
    return {name: int(value) for name, value in done.metrics.items() if isinstance(value, int)}


TOLD = (
    ("promotion, room above", "b", promotion), ("fast node full, demotion and promotion", "a", full),
    ("balancing off", "balance0", lambda: balanced(0)), ("balancing on", "balance1", lambda: balanced(1)),
)  # fmt: skip


def section() -> list[str]:
    """Every counter that the guests counted, or the model does."""
    rows = []
    for what, case, simulated in TOLD:
        known, model = recorded(case), simulated()
        for name in known[0]:
            if name.startswith("fill") or name not in model:
                continue
            values = [repeat[name] for repeat in known]
            if not any(values) and not model[name]:
                continue
            ends = f"{min(values):,}" if min(values) == max(values) else f"{min(values):,}–{max(values):,}"
            middle = sorted(values)[len(values) // 2]
            error = f"{100 * (model[name] / middle - 1):+.2f}" if middle >= 100 else ""
            rows.append([what, name, ends, f"{model[name]:,}", error])
    return table(("set-up", "counter", "recorded", "model", "error %"), rows).splitlines()
