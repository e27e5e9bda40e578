"""Settings without effect are warnings of `check`, at their place; what matters in one cell of a sweep is none."""

import pytest
import yaml

from mmrun.runner.cli import main
from mmrun.runner.plan.idle_settings import warnings
from mmrun.runner.plan.plan import check

STREAM = {"kind": "loop", "size": "1MiB", "accesses": 100}
ZRAM = {"z": {"kind": "zram", "size": "16MiB"}}
NBD = {"b": {"kind": "nbd", "link": "lan", "size": "16MiB"}}


def told(tmp_path, machine=None, task=None, **parts) -> list[str]:
    whole = {"nodes": [{"cpus": 1, "memory": "16MiB"}], "links": {"lan": {"mtu": 1500}}} | (machine or {})
    tasks = {"t": {"stream": STREAM} | (task or {})}
    config = tmp_path / "x.yaml"
    tree = {"experiment": "x", "kernel": "6.18", "machine": whole, "tasks": tasks} | parts
    config.write_text(yaml.safe_dump(tree, sort_keys=False))
    found = warnings((rows := check(config)).experiment, rows.rows)
    lines = config.read_text().splitlines()
    assert all(lines[each.line - 1][each.column - 1 :].strip() for each in found)
    return [each.message.partition("`")[2].partition("`")[0] for each in found]


@pytest.mark.parametrize(
    "parts, idle",
    [
        ({"vm": {"page_cluster": 3}, "machine": {"swap": ZRAM}}, ["vm.page_cluster"]),
        ({"vm": {"page_cluster": 3}, "machine": {"swap": NBD}}, []),
        ({"vm": {"page_cluster": 3}, "machine": {"swap": ZRAM}, "kernel": "4.14"}, []),
        ({"vm": {"swappiness": 3, "dirty_ratio": 5}}, ["vm.swappiness", "vm.dirty_ratio"]),
        ({"vm": {"min_unmapped_ratio": 3, "zone_reclaim_mode": 0}}, ["vm.min_unmapped_ratio"]),
        ({"vm": {"min_unmapped_ratio": 3, "zone_reclaim_mode": 1}}, []),
        ({"machine": {"devices": {"eth": {"kind": "nic", "untrusted": True}}}},
         ["machine.devices.eth.kind, untrusted"]),
        ({"machine": {"costs": {"slab_lookup": "1us", "scan_page": "1us"}}}, ["machine.costs.slab_lookup"]),
        ({"machine": {"costs": {"damon_sample": "1us", "walk_pte": "1ns"}}, "policy": {"idle": "damon"},
          "kernel": "6.18+mglru"}, []),
        ({"policy": {"shrinker": "priority", "memcg": "unified"}}, ["policy.shrinker", "policy.memcg"]),
        ({"policy": {"lru": "opt"}, "duration": "1s", "sampling": {"every": "10ms"}}, ["duration", "sampling.every"]),
        ({"task": {"nice": 5}}, ["tasks.t.nice"]),
        ({"task": {"nice": 5, "count": 2}, "policy": {"sched": "fair"}}, []),
        ({"task": {"start": "2s"}, "duration": "1s"}, ["tasks.t.start"]),
        ({"task": {"memory": [{"kind": "anon", "readahead": "4KiB"}]}}, ["tasks.t.memory.0.readahead"]),
        ({"task": {"memory": [{"kind": "file", "fault_around": "4KiB"}]}, "kernel": "3.1"},
         ["tasks.t.memory.0.fault_around"]),
        ({"cgroups": {"g": {"max": "8MiB", "swap_max": "0B"}}}, ["cgroups.g.swap_max"]),
    ],
)  # fmt: skip
def test_what_changes_nothing_is_told(tmp_path, parts, idle):
    assert told(tmp_path, **parts) == idle


def test_a_sweep_in_which_it_matters_once(tmp_path):
    swap = {"none": None, "network": {"machine.swap": NBD}}
    assert told(tmp_path, sweep={"product": {"vm.page_cluster": [0, 3], "swap": swap}}) == []
    alone = {"union": [{"swap": swap}, {"zram": {"only": {"machine.swap": ZRAM, "vm.page_cluster": 0}}}]}
    assert told(tmp_path, sweep=alone) == ["vm.page_cluster"]


def test_a_cell_of_days(tmp_path):
    assert len(told(tmp_path, task={"stream": STREAM | {"accesses": 10**12}})) == 1


def test_plan_tells_them_too(tmp_path, capsys):
    told(tmp_path, vm={"dirty_ratio": 5})
    assert main(["plan", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "out")]) == 0
    assert "vm.dirty_ratio" in capsys.readouterr().err
