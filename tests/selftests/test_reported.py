"""What users reported of real machines, scaled down: which setting or version makes the difference, and which way."""

from typing import Any

import pytest

import mmrun

SSD = {"ssd": {"kind": "sata-ssd"}}


def ran(kernel: str, machine: dict[str, Any], tasks: dict[str, Any], **more: Any) -> mmrun.Result:
    """What a cell counted."""
    return mmrun.run({"experiment": "reported", "kernel": kernel, "machine": machine, "tasks": tasks} | more)


def nodes(*mib: int, cpus: int = 4) -> list[dict[str, Any]]:
    return [{"cpus": cpus, "memory": f"{size}MiB"} for size in mib]


def stream(kind: str, size: str, accesses: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "size": size, "accesses": accesses} | more


@pytest.mark.parametrize("kernel", ["3.1", "6.18"])
def test_a_database_on_one_of_two_nodes_swaps_beside_free_memory_unless_interleaved(kernel):
    """MySQL's "swap insanity" (2010): three quarters of the machine's memory, touched from one node, and file reads."""
    swapped = []
    for policy in ({}, {"mempolicy": {"mode": "interleave", "nodes": "all"}}):
        database = {
            "node": 0,
            "think": "1us",
            "stream": stream("zipf", "96MiB", 800_000, exponent=0.8, write_fraction=0.3),
        }
        files = {
            "node": 0, "start": "50ms", "stream": stream("loop", "128MiB", 65_536),
            "memory": [{"kind": "file", "access": "read", "disk": "ssd"}],
        }  # fmt: skip
        machine = {
            "nodes": nodes(64, 64),
            "disks": SSD,
            "swap": {"s": {"kind": "partition", "disk": "ssd", "size": "128MiB"}},
        }
        swapped.append(ran(kernel, machine, {"database": database | policy, "files": files})["pswpout"])
    if kernel == "3.1":
        assert swapped[0] > 100 and swapped[1] < swapped[0] / 2
    else:  # lists balanced by cost: files that are read once pay for nearly all
        assert max(swapped) < 300


@pytest.mark.parametrize("kernel", ["3.1", "6.18"])
def test_zone_reclaim_leaves_the_other_node_free_and_reads_from_disk_instead(kernel):
    """PostgreSQL on two nodes (2012): 2.8 times slower with zone_reclaim_mode 1, half of memory free."""
    backend = {
        "node": 0, "count": 4, "stays": True, "stream": stream("uniform", "88MiB", 40_000),
        "memory": [{"kind": "file", "file": "table", "access": "read", "disk": "ssd", "advice": "random"}],
    }  # fmt: skip
    off, on = (
        ran(kernel, {"nodes": nodes(64, 64), "disks": SSD}, {"backend": backend}, vm={"zone_reclaim_mode": mode})
        for mode in (0, 1)
    )
    assert 2 < on["elapsed_s"] / off["elapsed_s"] < 5
    assert on["nr_free_pages"] > 16_384 - 2_000 and on["nr_free_pages"] > 1.5 * off["nr_free_pages"]


def test_a_larger_distance_between_watermarks_spares_direct_reclaim():
    """Machines of 140 GB with bursts of allocations (2016): watermark_scale_factor, or four times min_free_kbytes."""
    nvme = {"kind": "generic", "read_bandwidth": "3000MB/s", "write_bandwidth": "2000MB/s", "parallel": 64}
    machine = {
        "nodes": nodes(256, cpus=32), "disks": {"nvme": nvme},
        "swap": {"s": {"kind": "partition", "disk": "nvme", "size": "256MiB"}},
    }  # fmt: skip
    burst = {"stream": stream("loop", "512KiB", 128, write_fraction=1.0)}
    tasks = {
        "heap": {"stream": stream("zipf", "120MiB", 400_000, write_fraction=0.5)},
        "reader": {"count": 12, "start": "30ms", "stream": stream("loop", "24MiB", 12_288),
                   "memory": [{"kind": "file", "access": "read", "disk": "nvme"}]},
        "burst": burst | {"count": 16, "start": "60ms"}, "later": burst | {"count": 32, "start": "90ms"},
    }  # fmt: skip
    stalls = {
        name: ran("4.19", machine, tasks, **settings)["allocstall"]
        for name, settings in {
            "10": {}, "100": {"vm": {"watermark_scale_factor": 100}},
            "min": {"policy": {"watermarks": "quarters"}, "vm": {"min_free_kbytes": 16_384}},
        }.items()
    }  # fmt: skip
    assert stalls["10"] > 20 and stalls["100"] <= 2 and stalls["min"] < stalls["10"]


@pytest.mark.parametrize(("kernel", "parked"), [("4.19", False), ("5.8", True), ("6.1", True), ("6.18", True)])
def test_memory_high_without_swap_parks_a_task_where_max_would_kill_it(kernel, parked):
    """A unit between MemoryHigh and MemoryMax for 90 minutes (2020): stalled nearly all the time, never killed.

    Until 5.3 memory.high only reclaims.
    """
    daemon = {
        "cgroup": "unit", "think": "2us", "stream": stream("uniform", "75MiB", 2_000_000, write_fraction=0.6),
        "memory": [{"size": "74MiB"}, {"kind": "file", "disk": "ssd"}],
    }  # fmt: skip
    held, free = (
        ran(kernel, {"nodes": nodes(128, cpus=2), "disks": SSD, "swap": None}, {"daemon": daemon}, duration="60s",
            cgroups={"unit": {"high": high, "max": "60MiB"}})
        for high in ("34MiB", "60MiB")
    )  # fmt: skip
    assert free["oom_kill"] == 1 and free["elapsed_s"] < 1
    assert held["oom_kill"] == (not parked)
    if parked:
        assert held["stall_high_ns"] > 0.98 * 60e9 and held["cgroup.unit.events_max"] == 0
        assert held["cgroup.unit.events_high"] > 500


@pytest.mark.parametrize(
    ("kernel", "killed"),
    [("3.1", False), ("3.3", False), ("3.15", True), ("4.4", True), ("4.9", True), ("4.19", True), ("6.18", True),
     ("6.18+mglru", True)],
)  # fmt: skip
def test_a_group_with_swappiness_0_is_killed_beside_free_swap_since_3_5(kernel, killed):
    """Databases killed with gigabytes of free swap (2012 to 2014); advice: 1. Here from 3.15 on, as 3.5 to 3.14 say."""
    database = {"think": "1us", "cgroup": "db", "stream": stream("loop", "70MiB", 40_000, write_fraction=0.4)}
    machine = {"nodes": nodes(256), "disks": SSD, "swap": {"s": {"kind": "partition", "disk": "ssd", "size": "256MiB"}}}
    none, little = (
        ran(kernel, machine, {"t": database}, cgroups={"db": {"max": "60MiB"}}, vm={"swappiness": swappiness})
        for swappiness in (0, 1)
    )
    assert little["outcome"] == "ok" and little["pswpout"] > 10_000
    assert none["outcome"] == ("oom" if killed else "ok") and (none["pswpout"] == 0) == killed


@pytest.mark.parametrize(
    ("kernel", "all_of_them"), [("3.15", True), ("4.9", True), ("4.18", False), ("4.19", True), ("5.0", False)]
)
def test_caches_of_many_groups_with_few_objects_each(kernel, all_of_them):
    """Dying groups (2018): a group of fewer than 4096 dentries gives nothing at priority 12; 4.19 took a batch."""
    freed = dentries_freed(kernel)
    assert freed > 29_000 if all_of_them else freed < 20_000


def test_6_18_takes_nothing_from_many_groups_with_few_objects_under_mild_pressure():
    assert dentries_freed("6.18") == 0


def dentries_freed(kernel: str) -> Any:
    """Of 30,000 dentries in a hundred groups, beside a reader of twice the memory."""
    job = {
        "count": 100, "cgroup": "job", "memory": [{"kind": "slab", "cache": "dentry", "objects": 300}],
        "stream": {"kind": "metadata", "objects": 300, "accesses": 300, "pattern": "walk"},
    }  # fmt: skip
    reader = {
        "start": "50ms", "think": "2us", "stream": stream("loop", "128MiB", 65_536),
        "memory": [{"kind": "file", "access": "read"}],
    }  # fmt: skip
    found = ran(
        kernel, {"nodes": nodes(64), "swap": None}, {"job": job, "reader": reader}, cgroups={"job": {"count": 100}},
        slab={"dentry": {"object": "192B", "filesystem": True}},
    )  # fmt: skip
    return found["slab_objects_freed"]
