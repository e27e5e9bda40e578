"""Slab pages, objects and their lists: a page goes with its last object, users keep objects, groups pay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model.description import Cgroup, Node, Region, SlabCache, Stream, Sysctl, Task
from mmrun.model.units import PAGE, US, MiB
from tests.model.cells import reads, run, writes
from tests.model.slab_cells import FORMULAS, VFS, alive, frees, names, slab_cell

FEW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def joined(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


def test_objects_share_pages_and_are_found_again():
    found = run(slab_cell("6.18", *names("dentry", objects=100)), joined(reads(range(100)), reads(range(100)))).metrics
    assert found["slab.dentry.objects"] == found["slab.inode.objects"] == 100
    assert found["slab.dentry.pages"] == -(-100 // (4096 // 192)) and found["slab.inode.pages"] == -(-100 // 6)
    assert found["nr_slab_reclaimable"] == found["node0.nr_slab_pages"] == 5 + 17
    assert found["slab.dentry.hits"] == found["slab.dentry.misses"] == found["misses"] == 100
    assert found["slab.inode.unused"] == 0, "their dentries hold them"


def test_a_page_goes_with_its_last_object_only():
    slab = {"generic": SlabCache(object=1024, reclaimable=False)}
    cell = slab_cell("6.18", *names("generic", objects=400), slab=slab)
    half = run(cell, joined(reads(range(400)), frees(range(0, 400, 2)))).metrics
    assert half["slab.generic.objects"] == 200 and half["slab.generic.pages"] == half["nr_slab_unreclaimable"] == 100
    none = run(cell, joined(reads(range(400)), frees(range(0, 400, 2)), frees(range(1, 400, 2)))).metrics
    assert none["slab.generic.objects"] == none["slab.generic.pages"] == none["nr_slab_unreclaimable"] == 0
    assert none["slab.generic.freed_pages"] == 100


@pytest.mark.parametrize(("size", "fraction"), [(1024, 0.5), (1024, 0.8), (512, 0.8), (2048, 0.3)])
def test_random_frees_return_the_power_of_their_share_in_pages(size: int, fraction: float):
    """Of k objects a page all must be among the freed share f: f^k of the pages (slab fragmentation)."""
    k, objects = PAGE // size, 8000
    order = np.random.default_rng(3).permutation(objects)[: int(objects * fraction)]
    slab = {"o": SlabCache(object=size, reclaimable=False)}
    cell = slab_cell("6.18", *names("o", objects=objects), slab=slab, mib=(64,))
    found = run(cell, joined(reads(range(objects)), frees(order))).metrics
    pages, expected = objects // k, fraction**k
    spread = (expected * (1 - expected) / pages) ** 0.5
    assert abs(found["slab.o.freed_pages"] / pages - expected) < 4 * spread


def test_new_objects_fill_holes_first():
    slab = {"o": SlabCache(object=1024, reclaimable=False)}
    cell = slab_cell("6.18", *names("o", objects=480), slab=slab)
    found = run(cell, joined(reads(range(400)), frees(range(0, 400, 5)), reads(range(400, 480)))).metrics
    assert found["slab.o.pages"] == 100


def test_unlinking_takes_the_inode_along_and_freeing_a_pinned_one_does_nothing():
    cell = slab_cell("6.18", *names("dentry", "inode", objects=50))
    done = run(cell, joined(reads(range(50)), frees(range(10)), frees(range(70, 80))))
    assert done.metrics["slab.dentry.objects"] == done.metrics["slab.inode.objects"] == 40
    assert done.metrics["slab.dentry.dropped"] == done.metrics["slab.inode.dropped"] == 10
    assert not alive(done.built, 0)[:10].any() and alive(done.built, 0)[10:].all()


def test_a_missing_file_is_read_from_disk_and_a_created_one_is_not():
    cell = slab_cell("6.18", *names("dentry", objects=60, disk="d"))
    read, made = run(cell, reads(range(60))).metrics, run(cell, writes(range(60))).metrics
    assert read["pgpgin"] == 60 and read["stall_file_ns"] > 60 * 90_000
    assert made["pgpgin"] == made["stall_file_ns"] == 0 and made["slab.inode.created"] == 60


@pytest.mark.parametrize(("era", "charged"), [("3.1", 0), ("4.19", 22), ("6.18", 22)])
def test_groups_pay_for_slab_since_4_5(era: str, charged: int):
    """100 dentries and inodes: 5 + 17 whole pages until 5.8, 79200 bytes since 5.9; page tables are not involved."""
    cell = slab_cell(era, *names("dentry", objects=100), cgroup="g", cgroups={"g": Cgroup(max=4 * MiB)})
    found = run(cell, reads(range(100))).metrics
    wanted = -(-100 * (192 + 600) // PAGE) if era == "6.18" else charged
    assert found["cgroup.g.kmem_pages"] == wanted


def test_a_limit_shrinks_the_groups_own_objects():
    cell = slab_cell("6.18", *names("dentry", objects=6000), mib=(64,), cgroup="g", cgroups={"g": Cgroup(max=MiB)})
    found = run(cell, reads(range(6000))).metrics
    assert found["outcome"] == "ok" and found["slab_objects_freed"] > 3000
    assert found["cgroup.g.usage_pages"] <= 256 and found["slab_pages_freed"] > 0


@pytest.mark.parametrize("variant", FORMULAS)
def test_metadata_larger_than_memory_is_recycled(variant: str):
    era, params = FORMULAS[variant]
    cell = slab_cell(era, *names("dentry", objects=24_000), shrinker=variant, params=params)
    found = run(cell, reads(range(24_000))).metrics
    assert found["outcome"] == "ok"
    for cache in VFS:
        created, freed = found[f"slab.{cache}.created"], found[f"slab.{cache}.freed"]
        assert created == 24_000 and found[f"slab.{cache}.objects"] == created - freed
    assert found["slab_pages_freed"] == found["slab.dentry.freed_pages"] + found["slab.inode.freed_pages"]
    assert found["nr_slab_reclaimable"] < 4096


def test_without_slab_caches_nothing_is_shrunk():
    cell = slab_cell("6.18", Region(kind="file", access="read"), slab={})
    found = run(cell, reads(range(6000))).metrics
    assert found["pgsteal_file"] > 0 and found["slabs_scanned"] == found["nr_slab_reclaimable"] == 0


@st.composite
def metadata(draw: Any) -> tuple[Any, ...]:
    """Caches of any shape and tasks of any kind on one or two nodes, under pressure."""
    variant = draw(st.sampled_from(sorted(FORMULAS)))
    size = st.sampled_from([64, 192, 600, 1024, 4096])
    aware = {key: draw(st.booleans()) for key in ("numa_aware", "memcg_aware", "filesystem")}
    one = {"superblock": "fs"} if draw(st.booleans()) else {}
    slab = {
        "inode": SlabCache(object=draw(size), **aware, **one),
        "dentry": SlabCache(object=draw(size), pins="inode", **aware, **one),
        "buffer": SlabCache(object=draw(size), seeks=draw(st.integers(1, 8)), batch=draw(st.sampled_from([None, 16]))),
        "fixed": SlabCache(object=draw(size), reclaimable=False, memcg_aware=draw(st.booleans())),
    }  # fmt: skip
    tasks = {}
    for i in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["dentry", "inode", "buffer", "fixed"]))
        objects = {"fixed": 600}.get(kind, draw(st.sampled_from([300, 4000, 12_000])))
        params = {
            "objects": objects, "accesses": draw(st.sampled_from([1000, 12_000])),
            "pattern": draw(st.sampled_from(["walk", "zipf"])),
            "transaction_fraction": draw(st.sampled_from([0.0, 0.3])),
            "unlink_fraction": draw(st.sampled_from([0.0, 0.2])), "mount_every": draw(st.sampled_from([0, 500])),
        }  # fmt: skip
        tasks[f"t{i}"] = Task(
            stream=Stream(kind="metadata", params=params), memory=names(kind, objects=objects, disk="d"),
            cgroup=draw(st.sampled_from([None, "g"])), nofs=draw(st.booleans()),
        )  # fmt: skip
    reader = {"size": 24 * MiB, "accesses": 8000}
    tasks["reader"] = Task(
        stream=Stream(kind="loop", params=reader), memory=(Region(kind="file", access="read", disk="d"),)
    )
    return variant, slab, tasks, draw(st.sampled_from([(16,), (16, 8)])), draw(st.sampled_from([0, 50, 100, 200]))


def test_who_wants_an_object_that_another_task_makes_waits_for_it():
    """Two tasks look the same names up at the same time, on a disk that takes a while: every one is read once."""
    regions = names("dentry", objects=300, disk="d")
    tasks = {f"t{i}": Task(stream=Stream(kind="given"), memory=regions) for i in range(2)}
    cell = slab_cell("6.18", tasks=tasks, mib=(16,))
    cell = replace(cell, machine=replace(cell.machine, nodes=(Node(memory=16 * MiB, cpus=2),)))
    found = run(cell, dict.fromkeys(tasks, reads(range(300)))).metrics
    for cache in ("dentry", "inode"):
        assert found[f"slab.{cache}.created"] == found[f"slab.{cache}.objects"] == 300
    assert found["slab.dentry.misses"] == found["slab.dentry.hits"] == found["disk.d.pages_read"] == 300
    assert found["elapsed_ns"] >= 300 * 94 * US, "one after the other"


@FEW
@given(drawn=metadata())
def test_nothing_is_lost_whatever_the_caches(drawn: tuple[Any, ...]):
    variant, slab, tasks, mib, pressure = drawn
    era, params = FORMULAS[variant]
    found = run(
        slab_cell(era, slab=slab, tasks=tasks, mib=mib, shrinker=variant, params=params,
                  cgroups={"g": Cgroup(max=6 * MiB)}, vm=Sysctl(vfs_cache_pressure=pressure))
    ).metrics  # fmt: skip
    for name in slab:
        made, gone = found[f"slab.{name}.created"], found[f"slab.{name}.freed"] + found[f"slab.{name}.dropped"]
        assert found[f"slab.{name}.objects"] == made - gone
        assert found[f"slab.{name}.unused"] <= found[f"slab.{name}.objects"]
    assert found["slab_scanned_for"] == found["slabs_scanned"]
    assert found["slab_pages_freed_here"] == found["slab_pages_freed"]
    assert found["nr_slab_reclaimable"] + found["nr_slab_unreclaimable"] == found["nr_slab_pages"]
