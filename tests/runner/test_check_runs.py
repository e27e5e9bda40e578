"""What `check` passes, runs, with conservation held; and it tells beforehand the very names that a run tells."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from mmrun.model import api, catalogue
from mmrun.model.core.events import compute, fsyncs, touches
from mmrun.model.trace import TraceWriter
from mmrun.model.yardstick.merge import Source, merged
from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.plan import make_plan
from tests.random_cells import experiment

FEW, MANY = 8, 400


def passed(tree: dict, folder: Path):
    """The first cell of an experiment, None when `check` refuses it."""
    config = folder / "x.yaml"
    config.write_text(yaml.safe_dump(tree, sort_keys=False))
    try:
        return make_plan(config).cells[0].cell
    except ConfigErrors:
        return None


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("traces") / "small.mmt"
    page = np.random.default_rng(1).integers(0, 500, 2000)
    with TraceWriter(path, {"by": "a test"}) as writer:
        writer.append(page, page % 3 == 0)
        writer.close()
    return str(path)


def run(number: int, trace: str, folder: Path) -> bool:
    """Run a random experiment if `check` passes it; whether it did."""
    cell = passed(experiment(number, trace), folder)
    if cell is None:
        return False
    out = api.simulate(cell, check=True)
    told = catalogue.metrics(cell)
    assert {name for name, sure in told.items() if sure} <= out.metrics.keys() <= told.keys(), number
    assert not out.series or set(out.series) == set(catalogue.series(cell)), number
    assert out.metrics["outcome"] in ("ok", "oom")
    return True


def test_a_few(tmp_path, trace):
    ran = [number for number in range(4000, 4040) if run(number, trace, tmp_path)][:FEW]
    assert len(ran) >= FEW // 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many(tmp_path, trace):
    assert sum(run(number, trace, tmp_path) for number in range(10_000, 10_000 + 4 * MANY)) > MANY


LOOP = {"kind": "loop", "size": "1MiB", "accesses": 100}
SLAB = {"slab": {"den": {"object": "192B"}}}
META = {"kind": "metadata", "objects": 1000, "accesses": 5000, "mount_every": 1}
OF_SLAB = [{"kind": "slab", "cache": "den"}]


def cell(**parts) -> dict:
    task = parts.pop("task", {"stream": LOOP})
    machine = {"nodes": [{"cpus": 1, "memory": "16MiB"}]}
    return {"experiment": "x", "kernel": "6.18", "machine": machine, "tasks": {"t": task}, **parts}


REFUSED = {
    "objects under a yardstick": (
        cell(policy={"lru": "opt"}, task={"stream": META, "memory": OF_SLAB}, **SLAB), "knows pages, no objects"),
    "processes that end under a yardstick": (
        cell(policy={"lru": "clock"}, task={"stream": {"kind": "build", "jobs": 1}}), "knows no process that ends"),
    "two limits under a yardstick": (
        cell(policy={"lru": "opt"}, cgroups={"a": {"max": "1MiB", "count": 2}}, task={"stream": LOOP, "cgroup": "a"}),
        "knows one limit"),
    "a shrinker that divides by seeks": (
        cell(kernel="4.4", slab={"den": {"object": "192B", "seeks": 0}}), "divide by seeks"),
    "objects of anonymous memory": (cell(task={"stream": META}), "a region of kind anon cannot do"),
    "fsync of anonymous memory": (
        cell(task={"stream": {"kind": "writer", "size": "1MiB", "accesses": 9, "fsync_every": 1}}),
        "a region of kind anon cannot do"),
    "more accesses than days": (cell(task={"stream": LOOP | {"accesses": 10**17}}), "accesses is"),
    "4000 PiB": (cell(task={"stream": LOOP | {"size": "4000PiB"}}), "size is 4000PiB"),
    "4000 PiB of a region": (
        cell(task={"stream": LOOP, "memory": [{"size": "4000PiB"}]}), "the regions of all tasks have"),
    "many objects": (cell(task={"stream": META | {"objects": 10**17}, "memory": OF_SLAB}, **SLAB), "objects is"),
    "much swap": (
        cell(machine={"nodes": [{"memory": "16MiB"}], "swap": {"z": {"kind": "zram", "size": "4000PiB"}}}),
        "of swap"),
    "samples without end": (
        cell(task={"stream": LOOP | {"accesses": 10**12}}, sampling={"accesses": 1}), "a series holds"),
    "samples of time": (cell(duration="1000s", sampling={"every": "1us"}), "a series holds"),
    "more frames than a page table can number": (
        cell(machine={"nodes": [{"memory": "2TiB"}]}), "more memory than the model can hold"),
}  # fmt: skip


@pytest.mark.parametrize("tree, says", REFUSED.values(), ids=REFUSED)
def test_what_cannot_run_is_refused_by_check(tree, says, tmp_path):
    config = tmp_path / "x.yaml"
    config.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(ConfigErrors) as refused:
        make_plan(config)
    assert says in str(refused.value) and all(error.line for error in refused.value.errors)


def test_a_disk_may_serve_thousands_at_once(tmp_path):
    machine = {"nodes": [{"memory": "16MiB"}], "disks": {"d": {"parallel": 4096}, "e": {"parallel": 4096}}}
    found = passed(cell(machine=machine), tmp_path)
    assert api.simulate(found).metrics["accesses"] == 100


def test_a_yardstick_counts_accesses_only(tmp_path):
    stream = {"kind": "writer", "size": "4MiB", "accesses": 500, "fsync_every": 1}
    task = {"stream": stream, "memory": [{"kind": "file", "access": "read"}]}
    counts = [
        api.simulate(passed(cell(task=task, policy=policy), tmp_path)).metrics
        for policy in ({"lru": "opt"}, {"lru": "clock"}, {"kswapd": "any-zone"})
    ]
    assert [(each["accesses"], each["misses"]) for each in counts] == [(500, 500)] * 3


def test_events_that_touch_nothing_take_no_time():
    first, last = (touches(np.array([page]), np.array([False])) for page in (0, 1))
    busy = Source([np.concatenate([first, fsyncs(np.array([900_000])), compute(10), last])], period=5)
    other = Source([touches(np.arange(7, 12), np.zeros(5, bool))], period=4)
    pages = [page for chunk, _ in merged([busy, other]) for page in chunk.tolist()]
    assert pages == [7, 0, 8, 9, 10, 1, 11]  # the second at 5 + 10 + 5


def test_who_never_starts_takes_no_time(tmp_path):
    tree = cell(duration="1ms")
    tree["tasks"]["late"] = {"stream": LOOP, "start": "1s"}
    found = api.simulate(passed(tree, tmp_path)).metrics
    assert found["task.late.elapsed_ns"] == 1_000_000 >= found["elapsed_ns"]
