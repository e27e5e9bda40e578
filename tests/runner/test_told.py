"""Names that no run will tell are refused before anything runs, with what was meant."""

import pytest
import yaml

from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.plan import make_plan

BASE = {
    "experiment": "m", "kernel": "6.18",
    "machine": {"nodes": [{"cpus": 1, "memory": "16MiB"}], "disks": {"d": {"kind": "hdd"}}},
    "cgroups": {"g": {"max": "8MiB"}},
    "tasks": {"app": {"stream": {"kind": "loop", "size": "1MiB", "accesses": 100}, "cgroup": "g", "count": 2},
              "one": {"stream": {"kind": "loop", "size": "1MiB", "accesses": 100}, "cgroup": "g"}},
    "sweep": {"product": {"lru": {"kernel": None, "opt": {"policy.lru": "opt"}}}},
}  # fmt: skip


def errors(tmp_path, **more) -> list[str]:
    config = tmp_path / "m.yaml"
    config.write_text(yaml.safe_dump(BASE | more, sort_keys=False))
    try:
        make_plan(config)
    except ConfigErrors as refused:
        assert all(error.line > 1 and error.column > 1 for error in refused.errors)
        return [str(error).partition(": ")[2] for error in refused.errors]
    return []


def table(*metrics, **more):
    return {"tables": [{"name": "t", "metrics": list(metrics), **more}]}


@pytest.mark.parametrize(
    "name, says",
    [
        ("cgroup.zzz.pgscan", "did you mean `cgroup.g`?"), ("node7.pgscan", "did you mean `node0`?"),
        ("task.nosuch.elapsed_ns", "no task `nosuch`"), ("task.app.remote_touches", "told of the machine"),
        ("disk.foo.reads", "did you mean `disk.d`?"), ("touches", "of each node"), ("idle_clean", "of the machine"),
        ("disk.d.readz", "is no metric; did you mean 'disk.d.reads'?"), ("cgroup.g.usage_pagez", "is no metric"),
        ("slab.den.objects", "no slab `den`"),
    ],
)  # fmt: skip
def test_a_metric_that_nobody_tells(tmp_path, name, says):
    (only,) = errors(tmp_path, report=table(name))
    assert says in only
    until = {"min": 10, "max": 20, "until": {"metric": name, "half_width": "5%"}}
    assert name.endswith("z") or errors(tmp_path, replicates=until) == [only]
    figure = {"name": "f", "x": "lru", "y": name}
    assert errors(tmp_path, report={"figures": [figure]}) == [only]


@pytest.mark.parametrize(
    "name",
    ["task.one.elapsed_ns", "task.app.0.misses", "task.app.rate_spread_ratio", "task.app.fault_p99_ns", "pgscan",
     "cgroup.g.usage_share_ratio", "cgroup.g.events_max", "disk.d.write_bandwidth", "node0.touches", "misses",
     "per_access_ns", "task.one.per_access_ns", "writebacks_pages", "nr_inactive_anon"],
)  # fmt: skip
def test_what_one_cell_of_the_sweep_tells_is_fine(tmp_path, name):
    assert errors(tmp_path, report=table(name)) == []


def test_a_table_is_judged_by_its_own_cells(tmp_path):
    assert errors(tmp_path, report=table("pgscan", where={"lru": "kernel"})) == []
    assert (
        "no cell of this experiment tells `pgscan`" in errors(tmp_path, report=table("pgscan", where={"lru": "opt"}))[0]
    )


def test_columns_of_a_series(tmp_path):
    def of(**given):
        return {"figures": [{"name": "f", "kind": "series", "line": "lru", **given}]}

    assert "writes a series" in errors(tmp_path, report=of(y="misses"))[0]
    sampled = {"sampling": {"accesses": 10}}
    assert errors(tmp_path, report=of(y="miss_ratio", x="access"), **sampled) == []
    assert "did you mean `misses`?" in errors(tmp_path, report=of(y="misess"), **sampled)[0]
    assert "no series has a column `elapsed_ns`" in errors(tmp_path, report=of(y="elapsed_ns"), **sampled)[0]
