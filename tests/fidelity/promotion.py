"""Hot page selection as its author measured it: pmbench on fast and slow memory, four steps of the patch set.

Huang, memory tiering: hot page selection, 6.1: accesses a second and MB/s promoted, on two sockets with 128 GiB of DRAM
and persistent memory. Here one node of each, a thousandth of the size; windows and periods are smaller in proportion.
What limit on promotion the last two rows had was not told: here it is a third of what moves without one.
"""

from functools import cache

import numpy as np

from mmrun.model.core.events import touches
from mmrun.model.description import Cell, Machine, Node, Region, Sysctl, Variant
from mmrun.model.units import GB_S, PAGE, MiB, S
from tests.fidelity.markdown import table
from tests.model.cells import given, run

PUBLISHED = {  # million accesses a second, MB/s promoted
    "every fault": (146.89, 725.6), "by latency": (165.70, 544.0), "and rate limit": (162.81, 165.2),
    "and threshold adjusted": (170.50, 136.9),
}  # fmt: skip
FAST, SLOW, USED = 64 * MiB, 256 * MiB, 192 * MiB
ACCESSES, CHUNK = 8_000_000, 500_000
PERIODS = {"numa_balancing_scan_delay_ms": 10, "numa_balancing_scan_period_min_ms": 10,
           "numa_balancing_scan_period_max_ms": 100, "numa_balancing_scan_size_mb": 16}  # fmt: skip


def accesses() -> list[np.ndarray]:
    """A fifth writes; where they go is normally distributed over the memory in use, as in pmbench."""
    rng, pages = np.random.default_rng(1), USED // PAGE
    found = [touches(np.arange(pages), np.ones(pages, dtype=bool))]
    for _ in range(ACCESSES // CHUNK):
        at = np.clip(rng.normal(pages / 2, pages / 8, CHUNK).astype(np.int64), 0, pages - 1)
        found.append(touches(at, rng.random(CHUNK) < 0.2))
    return found


@cache
def step(name: str, limit: int = 65_536) -> tuple[float, float]:
    """Million accesses a second and MB/s promoted, the first fifth of the run left out."""
    params = {"limits_rate": name.startswith("and"), "adjusts": name.endswith("adjusted")}
    policy = Variant(variant="every-fault") if name == "every fault" else Variant(variant="latency", params=params)
    vm = Sysctl(numa_balancing=2, demotion_enabled=1, numa_balancing_hot_threshold_ms=100,
                numa_balancing_promote_rate_limit_MBps=limit, **PERIODS)  # fmt: skip
    nodes = (Node(cpus=2, memory=FAST), Node(cpus=0, memory=SLOW, latency=300, bandwidth=10 * GB_S))
    cell = Cell(kernel="6.1", machine=Machine(nodes=nodes), tasks={"t": given(Region(size=USED))},
                vm=vm, policy={"tiering": policy})  # fmt: skip
    found = run(cell, {"t": accesses()}, check=False).metrics
    seconds = found["elapsed_ns"] / S
    return found["accesses"] / seconds / 1e6, found["pgpromote_success"] * PAGE / seconds / 1e6


def steps() -> dict[str, tuple[float, float]]:
    """All four."""
    found = {name: step(name) for name in ("every fault", "by latency")}
    limit = max(1, round(found["every fault"][1] / 3))
    return found | {name: step(name, limit) for name in ("and rate limit", "and threshold adjusted")}


def section() -> list[str]:
    """The table, each row against the first."""
    found, rows = steps(), []
    for name, (rate, moved) in PUBLISHED.items():
        own_rate, own_moved = found[name]
        base, own_base = PUBLISHED["every fault"], found["every fault"]
        rows.append([name, f"{rate / base[0]:.3f}", f"{own_rate / own_base[0]:.3f}", f"{moved / base[1]:.3f}",
                     f"{own_moved / own_base[1]:.3f}"])  # fmt: skip
    head = ("promoted", "accesses/s, published", "model", "MB/s promoted, published", "model")
    return table(head, rows).splitlines()
