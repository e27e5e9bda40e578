"""Cells in which nothing draws random numbers are told apart from the others, and are alike in every replicate."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model import api, registry, workloads
from mmrun.model.description import Cell, Cgroup, Machine, Node, Region, Stream, SwapTarget, Task, Variant
from mmrun.model.eras import covering
from mmrun.model.randomness import draws
from mmrun.model.units import KiB, MiB

ALL = [(axis, name) for axis in registry.axes() for name in registry.variants(axis)]
DRAWING = {("idle", "damon"), ("lru", "random"), ("memcg", "memcg-lru")}
SYNTHETIC = [kind for kind in workloads.kinds() if kind != "trace"]
SHARES = dict.fromkeys(
    ("write_fraction", "read_fraction", "transaction_fraction", "unlink_fraction", "scan_fraction", "overlap"),
    st.sampled_from([0.0, 0.3, 1.0]),
)


def cell(kernel: str, policy: dict[str, Variant], groups: bool = True) -> Cell:
    """A loop over anonymous memory and a writer of a file, both larger than what they may have."""
    loop = Stream(kind="loop", params={"size": 24 * MiB, "accesses": 9_000, "write_fraction": 1.0})
    writer = Stream(kind="writer", params={"size": 24 * MiB, "accesses": 9_000})
    group = "g" if groups else None
    tasks = {
        "loop": Task(stream=loop, memory=(Region(),), cgroup=group, think=50_000),
        "writer": Task(stream=writer, memory=(Region(kind="file"),), cgroup=group),
    }
    swap = {"zram": SwapTarget(kind="zram", size=32 * MiB)}
    limits = {"g": Cgroup(max=12 * MiB)} if groups else {}
    return Cell(
        kernel=kernel, machine=Machine(nodes=(Node(memory=24 * MiB),), swap=swap), tasks=tasks, cgroups=limits,
        policy=policy, duration=10**9,
    )  # fmt: skip


def resolvable(axis: str, name: str, groups: bool) -> Cell:
    """The cell with the variant, of the first version that takes it."""
    aged = {} if axis == "idle" else {"idle": Variant(variant="kstaled")}  # for what needs pages' ages
    for kernel, also in product((*covering(), "6.18", "6.1+mglru", "3.1"), ({}, aged)):
        found = cell(kernel, also | {axis: Variant(variant=name)}, groups)
        try:
            registry.resolve(found)
        except ValueError:
            continue
        return found
    raise AssertionError(f"no version takes {axis}: {name}")


def metrics(found: Cell, replicate: int) -> dict:
    return api.simulate(replace(found, replicate=replicate)).metrics


@pytest.mark.parametrize("groups", [True, False], ids=["with cgroups", "without"])
@pytest.mark.parametrize(("axis", "name"), ALL)
def test_cells_in_which_nothing_draws_are_alike_in_every_replicate(axis: str, name: str, groups: bool):
    found = resolvable(axis, name, groups)
    told = [what for what in draws(found) if what.startswith(f"{axis}: ")]
    assert bool(told) == ((axis, name) in DRAWING and (groups or axis != "memcg"))
    if not draws(found):
        assert metrics(found, 0) == metrics(found, 1)


@pytest.mark.parametrize(("axis", "name"), sorted(DRAWING - {("memcg", "memcg-lru")}))
def test_what_draws_makes_a_difference(axis: str, name: str):
    found = resolvable(axis, name, groups=False)
    assert any(metrics(found, 0) != metrics(found, number) for number in (1, 2, 3))


def test_beside_a_yardstick_no_other_axis_draws():
    policy = {"idle": Variant(variant="damon"), "lru": Variant(variant="opt")}
    assert draws(cell("6.18", policy)) == []
    assert draws(cell("6.18", policy | {"lru": Variant(variant="random")})) == ["lru: random"]


def test_a_variant_of_ones_own_draws_as_its_base_does(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text('"""Mine."""\nSOURCE = "here"\nBASE = "damon"\n')
    own = {"idle": Variant(variant="mine", file=str(file))}
    assert draws(cell("6.18", own)) == ["idle: mine"]
    file.write_text('"""Mine, with no randomness."""\nSOURCE = "here"\nBASE = "idle-bitmap"\n')
    assert draws(cell("6.18", own)) == []
    file.write_text('"""Mine, by chance."""\nfrom mmrun.model.mm.damon.damon import rand\nSOURCE = "here, a draw"\n')
    assert draws(cell("6.18", own)) == ["idle: mine"], "though it does not say so"


def events(stream: Stream, seed: int) -> np.ndarray:
    return np.concatenate(list(workloads.open_stream(stream, np.random.default_rng(seed)).events))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(SYNTHETIC))
def test_streams_that_do_not_draw_are_the_same_for_every_seed(data: st.DataObject, kind: str):
    names = set(workloads.params_type(kind).__dataclass_fields__)
    params = {name: data.draw(share) for name, share in SHARES.items() if name in names}
    params |= {name: data.draw(st.sampled_from([3, 4_000])) for name in ("accesses",) if name in names}
    params |= {"size": 400 * KiB} if "size" in names else {}
    params |= {"hot": 40 * KiB} if "hot" in names else {}
    params |= {"objects": 60} if "objects" in names else {}
    params |= {"pattern": data.draw(st.sampled_from(["walk", "zipf"]))} if "pattern" in names else {}
    params |= {"working_set": 60 * KiB, "phase": 50, "sweep": data.draw(st.booleans())} if "sweep" in names else {}
    params |= {"jobs": 1} if kind == "build" else {}
    params |= {"count": 5} if "count" in names else {}
    params |= {"frame": 16 * KiB} if "frame" in names else {}
    params |= {"every": 3} if kind == "mover" else {}
    params |= {"link": "lan", "cut": 5} if kind == "cable" else {}
    params |= {"area": "s"} if kind == "iscsid" else {}
    params |= {"flow": "f", "transactions": 9} if kind == "netrr" else {}
    params |= {"flow": "f", "bytes": 9000} if kind == "netstream" else {}
    params |= {"device": "d"} if kind in ("codec", "dma", "gpu", "legacy", "packets") else {}
    stream = Stream(kind=kind, params=params)
    seeds = [events(stream, seed) for seed in range(4)]
    same = all(np.array_equal(seeds[0], other) for other in seeds[1:])
    assert same or workloads.draws(stream)
    drawn_in_vain = params.get("accesses", 0) == 3 or 1.0 in params.values()
    assert not same or not workloads.draws(stream) or drawn_in_vain


def test_a_trace_does_not_draw():
    assert not workloads.draws(Stream(kind="trace", params={"path": "a.mmt"}))
    found = cell("6.18", {})
    assert draws(found) == []
    shaken = replace(found.tasks["writer"], stream=Stream(kind="uniform", params={"size": 24 * MiB, "accesses": 9}))
    assert draws(replace(found, tasks=found.tasks | {"writer": shaken})) == ["task writer"]
