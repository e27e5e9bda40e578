"""Metrics: every declared one is sound, formulas and sums come out right, undefined stays undefined."""

import pytest

from mmrun.model.counters import COUNTERS
from mmrun.runner import metrics
from mmrun.runner.report.words import Words, decimal, p_text, scale_for

ROW = {
    "accesses": 1000, "misses": 20, "elapsed_ns": 2_000_000, "pgscan_kswapd": 60, "pgscan_direct": 20,
    "pgscan_proactive": 0, "pgsteal_proactive": 0, "pgsteal_kswapd": 30, "pgsteal_direct": 10, "node0.numa_hit": 90,
    "node1.numa_hit": 60, "node0.numa_miss": 0, "node1.numa_miss": 50,
    "task.db.accesses": 600, "task.db.misses": 15, "outcome": "ok",
}  # fmt: skip


def test_every_counter_is_a_metric():
    assert COUNTERS.keys() <= metrics.declared().keys()
    assert all(metrics.metric(name).unit == counter.unit for name, counter in COUNTERS.items())


def test_no_metric_is_declared_twice():
    heads = [line.split("|")[0].strip() for line in metrics.DERIVED.strip().splitlines()[::2]]
    assert len(heads) == len(set(heads))


@pytest.mark.parametrize("name", [n for n, m in metrics.declared().items() if m.expression])
def test_formulas_are_made_of_declared_metrics_and_units_fit_names(name: str):
    assert set(metrics.columns_of(name)) <= metrics.declared().keys()
    suffix = next((unit for end, unit in metrics.SUFFIX_UNITS.items() if name.endswith(end)), None)
    assert suffix in (None, metrics.metric(name).unit)
    ones = dict.fromkeys(metrics.columns_of(name), 1.0)
    assert metrics.value(name, ones) is not None
    assert metrics.value(name, {}) is None


def test_values():
    assert metrics.value("misses", ROW) == 20
    assert metrics.value("miss_ratio", ROW) == 0.02
    assert metrics.value("task.db.miss_ratio", ROW) == 0.025
    assert metrics.value("pgscan", ROW) == 80
    assert metrics.value("scan_efficiency_ratio", ROW) == 0.5
    assert metrics.value("numa_miss_ratio", ROW) == 50 / 200, "nodes are summed first"
    assert metrics.value("node1.numa_miss_ratio", ROW) == 50 / 110
    assert metrics.value("per_access_ns", ROW) == 2000


def test_what_is_undefined_is_none():
    assert metrics.value("refault_ratio", ROW) is None, "not recorded"
    assert metrics.value("miss_ratio", {"accesses": 0, "misses": 0}) is None, "0/0"
    assert metrics.value("node7.numa_hit", ROW) is None
    assert metrics.value("elapsed_ns", {"task.a.elapsed_ns": 5, "task.b.elapsed_ns": 6}) is None, "clocks do not add up"


def test_a_recorded_column_wins_over_a_formula():
    assert metrics.value("pgscan", {**ROW, "pgscan": 3}) == 3


def test_names():
    assert metrics.is_metric("node0.numa_hit") and metrics.is_metric("task.db.miss_ratio")
    assert metrics.is_metric("disk.ssd.busy_ns") and metrics.metric("disk.ssd.busy_ns").unit == "ns"
    assert not metrics.is_metric("mises") and metrics.suggestion("mises") == "misses"


def test_labels_are_words_and_the_unit_is_not_in_them():
    """It is printed once, as it suits the numbers."""
    labels = {
        "task.db.elapsed_ns": "elapsed time of db", "task.db.fsync_p99_ns": "fsync p99 of db",
        "write_p999_ns": "write p99.9",
        "slab.dentry.misses": "misses of slab dentry", "node1.numa_miss": "numa_miss of node 1",
        "pgscan_kswapd": "pgscan_kswapd",
    }  # fmt: skip
    assert {name: metrics.metric(name).label for name in labels} == labels
    words = Words({"opt": "OPT"}, ("cgroups.g.max", "vm.swappiness", "lru", "tasks.db.mempolicy.mode"))
    assert words.axis("cgroups.g.max") == "memory.max of g" and words.axis("vm.swappiness") == "swappiness"
    assert words.axis("tasks.db.mempolicy.mode") == "mempolicy mode of db"
    assert words.against({"lru": "opt"}) == "OPT" and words.against({"kernel": "3.1"}) == "kernel 3.1"
    assert words.against({"tasks.db.mempolicy.mode": "local"}) == "local (mempolicy mode of db)"
    assert words.title(["task.db.fsync_p99_ns"], ("lru",)) == "Fsync p99 of db by lru"


@pytest.mark.parametrize(
    ("name", "values", "unit", "texts"),
    [
        ("elapsed_ns", [1.5e9, 2.25e9], "s", ["1.50", "2.25"]),
        ("elapsed_ns", [900.0, 4.0], "ns", ["900", "4"]),
        ("misses", [12_345.0, 99_000.0], "10³ accesses", ["12.3", "99.0"]),
        ("accesses", [5e6], "10⁶", ["5.00"]),
        ("miss_ratio", [0.5, 0.25], "", ["0.500", "0.250"]),
        ("x_bytes", [3 * 2.0**30], "GiB", ["3.00"]),
        ("oom_kill", [0.0, 0.0], "events", ["0", "0"]),
    ],
)
def test_one_unit_for_a_column(name: str, values: list[float], unit: str, texts: list[str]):
    scale = scale_for(name, values)
    assert scale.unit == unit and [scale.text(value) for value in values] == texts


def test_no_false_zero():
    assert decimal(0.0004, 2) == "<0.01" and decimal(0.0, 2) == "0.00" and decimal(-0.0, 1) == "0.0"
    assert decimal(-0.0004, 2) == ">-0.01"
    assert [p_text(p) for p in (0.0001, 0.0312, 1.0)] == ["<0.001", "0.031", "1"]
