"""Whatever the version, the pool, the contents and the groups: every page is where the law says, twice the same."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmrun.model.description import Cell, Cgroup, Region, Sampling, Sysctl
from mmrun.model.mm.driver.events import dontneed
from mmrun.model.mm.zswap.settings import Zswap
from mmrun.model.units import PAGE, MiB
from tests.model.cells import OWN_CPUS, machine, run_twice, touches, with_swap
from tests.model.cells import given as task

ERAS = ("3.11", "4.19", "5.8", "5.19", "6.6", "6.8", "6.12", "6.12+mglru", "6.18")
ANON = 900


def stream(rng: np.random.Generator, rounds: int) -> np.ndarray:
    """Touches, some pages given back between them."""
    parts = []
    for _ in range(rounds):
        pages = (rng.zipf(1.1, 500) * 7919 + rng.integers(0, 200, 500)) % ANON
        parts.append(touches(pages, rng.random(500) < 0.5))
        first = int(rng.integers(0, ANON - 60))
        if rng.random() < 0.5:
            parts.append(dontneed(range(first, first + int(rng.integers(1, 60)))))
    return np.concatenate(parts)


@st.composite
def cases(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    era, rng = draw(st.sampled_from(ERAS)), np.random.default_rng(draw(st.integers(0, 1 << 20)))
    shares = draw(st.sampled_from([(0.0, 0.0, 0.0), (0.2, 0.1, 0.1), (0.0, 0.0, 0.9)]))
    contents = Zswap(
        compression_ratio=draw(st.sampled_from([1.0, 1.05, 1.8, 3.0, 40.0])),
        zero_filled=shares[0], same_filled=shares[1], incompressible=shares[2],
    )  # fmt: skip
    sizes = draw(st.sampled_from([(8,), (8, 8), (16,)]))
    host = machine(
        *sizes, cpus=draw(st.integers(1, 2)), zswap=contents,
        **with_swap(draw(st.sampled_from(["zram", "partition", "nbd"])), 16 * MiB),
    )  # fmt: skip
    vm: dict[str, Any] = {"zswap": True, "zswap_max_pool_percent": draw(st.sampled_from([0, 2, 10, 60]))}
    by_group = era in ("6.8", "6.12", "6.12+mglru", "6.18")
    if by_group and draw(st.booleans()):
        vm["zswap_shrinker_enabled"] = True
    if era in ("6.6", "6.8", "6.12") and draw(st.booleans()):
        vm["zswap_zpool"] = draw(st.sampled_from(["zbud", "zsmalloc"]))
    if by_group and draw(st.booleans()):
        vm["transparent_hugepage"] = "always"
    limits: dict[str, Any] = {}
    if by_group:
        limits = draw(st.sampled_from([{}, {"zswap_max": 20 * PAGE}, {"zswap_max": 0}, {"zswap_writeback": False}]))
    groups = {
        "p": Cgroup(max=800 * PAGE),
        "g": Cgroup(parent="p", max=draw(st.sampled_from([300, 600])) * PAGE, **limits),
    }
    count = draw(st.integers(1, 2))
    tasks = {f"t{i}": task(Region(size=ANON * PAGE), cgroup=("g", "p")[i], stays=bool(i)) for i in range(count)}
    cell = Cell(kernel=era, machine=host, tasks=tasks, cgroups=groups, vm=Sysctl(**vm),
                policy=dict(OWN_CPUS) if draw(st.booleans()) else {}, sampling=Sampling(accesses=997))  # fmt: skip
    return cell, {name: stream(rng, draw(st.integers(2, 6))) for name in tasks}


@settings(
    max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(cases())
def test_nothing_is_lost(case: tuple[Cell, dict[str, np.ndarray]]):
    run_twice(*case, footprint=ANON)
