"""zswap: what is stored, refused, read back and written; the pool's memory; what groups pay; versions."""

from collections import Counter

import numpy as np
import pytest

from mmrun.model.description import Cell, Cgroup, Machine, Region, SwapTarget, Sysctl, Task
from mmrun.model.mm.zswap.contents import INCOMPRESSIBLE, ORDINARY, WORD_FILLED, ZERO_FILLED, drawn
from mmrun.model.mm.zswap.place import zspage_pages
from mmrun.model.mm.zswap.settings import Zswap
from mmrun.model.mm.zswap.state import zspages, zswap_entries, zswap_settings, zswap_state
from mmrun.model.mm.zswap.zpool import GROUPS, fullness, size_class, zpool_free, zpool_malloc
from mmrun.model.registry import resolve
from mmrun.model.units import PAGE, MiB
from tests.model.cells import Run, given, machine, machine_of, one, reads, run, with_swap, writes

PAGES = 1024  # four times what the group may have


def cell(kernel: str = "6.12", swap: str = "partition", pool: int = 3, group: Cgroup | None = None, **vm) -> Cell:
    contents = vm.pop("contents", Zswap(compression_ratio=2.5))
    host = machine(16, zswap=contents, **with_swap(swap, 64 * MiB))
    settings = Sysctl(zswap=True, zswap_max_pool_percent=pool, page_cluster=0, **vm)
    return one(kernel, host, vm=settings, cgroups={"g": group or Cgroup(max=MiB)})


def roomy(kernel: str = "6.12", **vm) -> Cell:
    """A pool that never fills, of pages that compress well enough for the group to pay for all of them."""
    vm.setdefault("contents", Zswap(compression_ratio=8))
    return cell(kernel, pool=60, **vm)


def ran(described: Cell, rounds: int = 1, **more) -> Run:
    """Write all pages, then read them all so often."""
    every = np.arange(PAGES)
    return run(described, np.concatenate([writes(every), *[reads(every)] * rounds]), **more)


def alone(kernel: str = "6.12", zpool: str = "zsmalloc"):
    """A machine whose pool the test fills itself."""
    return machine_of(cell(kernel, zswap_zpool=zpool))


# What zsmalloc of 4 KiB pages makes of a size: frames of a zspage, objects in it.
@pytest.mark.parametrize(
    ("kernel", "size", "shape"),
    [
        ("6.12", 2213, (6, 11)), ("6.1", 2213, (4, 7)), ("6.12", 4096, (1, 1)), ("6.12", 24, (1, 128)),
        ("6.1", 24, (1, 128)), ("6.12", 2040, (1, 2)),
    ],
)  # fmt: skip
def test_size_classes(kernel, size, shape):
    built = alone(kernel)
    c = int(size_class(built.memory.m, size))
    row = built.memory.table("size_classes")[c]
    assert (int(row.pages), int(row.objects)) == shape
    assert row.pages * PAGE >= row.objects * (size if size == PAGE else size + 8)


def test_a_zspage_wastes_least():
    for size in range(32, PAGE + 1, 16):
        pages = zspage_pages(size, 8)
        best = min(n * PAGE % size for n in range(1, 9))
        assert pages * PAGE % size == best or size & size - 1 == 0
        used = [(n * PAGE - n * PAGE % size) * 100 // (n * PAGE) for n in range(1, 5)]
        assert used[zspage_pages(size, 4) - 1] == max(used)


def test_merged_classes_hold_what_they_are_asked_for():
    """Every size finds a class with room for it and its handle; merged ones are cut alike."""
    built = alone()
    classes = built.memory.table("size_classes")
    for size in range(1, PAGE - 8):
        row = classes[int(size_class(built.memory.m, size))]
        assert row.pages * PAGE // row.objects >= size + 8


def test_the_fullest_zspage_takes_the_next_object():
    built = alone()
    m = built.memory.m
    first = [zpool_malloc(m, 2213, 0)[0] for _ in range(22)]  # two full zspages
    assert len(set(first)) == 2 and zswap_state(m).pool == 12
    for _ in range(8):
        zpool_free(m, first[0], 0)
    for _ in range(2):
        zpool_free(m, first[11], 0)
    assert fullness(m, 9, 11) > fullness(m, 3, 11)
    assert [zpool_malloc(m, 2213, 0)[0] for _ in range(3)] == [first[11], first[11], first[0]]
    assert zspages(m)[first[11]].listed % GROUPS == 11
    for at in [first[0]] * 4 + [first[11]] * 11:
        zpool_free(m, at, 0)
    assert zswap_state(m).pool == 0


def test_zbud_puts_two_to_a_page_where_both_fit():
    built = alone("6.1", "zbud")
    m = built.memory.m
    a, half = zpool_malloc(m, 2213, 0)
    assert half == 1
    b, _ = zpool_malloc(m, 2213, 0)  # 35 of 63 chunks each: not both
    assert b != a and zswap_state(m).pool == 2
    c, half = zpool_malloc(m, 1700, 0)  # 27 chunks beside 35: it fits
    assert c in (a, b) and half == 2 and zswap_state(m).pool == 2
    zpool_free(m, c, 2)
    zpool_free(m, a, 1)
    zpool_free(m, b, 1)
    assert zswap_state(m).pool == 0


def test_contents_come_in_their_shares():
    built = machine_of(cell(contents=Zswap(zero_filled=0.125, same_filled=0.0625, incompressible=0.25)))
    found = Counter(int(drawn(built.memory.m, word)) for word in range(1 << 16))
    assert found[ZERO_FILLED] == 1 << 13 and found[WORD_FILLED] == 1 << 12
    assert found[INCOMPRESSIBLE] == 1 << 14 and found[ORDINARY] == (1 << 16) - sum((1 << 13, 1 << 12, 1 << 14))
    near = Counter(int(drawn(built.memory.m, word)) for word in range(1000, 1160))
    assert abs(near[INCOMPRESSIBLE] - 40) < 8  # evenly, also among few


def test_a_roomy_pool_keeps_the_device_idle():
    done = ran(roomy())
    told = done.metrics
    assert told["pswpout"] == told["pswpin"] == told["zswap_pool_limit_hit"] == 0
    assert told["zswpin"] == PAGES and told["zswap_stored_pages"] == told["zswpout"] - told["zswpin"]
    assert told["cgroup.g.zswap"] == told["zswap_stored_pages"] * int(zswap_settings(done.m).length)


def test_a_full_pool_refuses_until_it_has_shrunk():
    """max_pool_percent 3 of 16 MiB are 122 pages; from there on to 90 % of that the device gets what comes."""
    done = ran(cell(swap="zram"), rounds=0)
    most, again = int(zswap_settings(done.m).max_pages), int(zswap_settings(done.m).accept_pages)
    assert (most, again) == (122, 109)
    told = done.metrics
    assert told["zswap_pool_limit_hit"] > 0 and told["zswpwb"] > 0
    assert told["pswpout"] > told["zswpwb"]  # others went past it
    assert told["zswap_pool_pages"] < most + 8


def test_every_entry_has_a_second_chance():
    """Since 6.12 nothing is written before it was met twice: the worker gives up after 16 that it met once."""
    few = writes(np.arange(430))
    early, late = (run(cell(kernel, "zram"), few).metrics for kernel in ("6.11", "6.12"))
    assert early["zswpout"] == late["zswpout"] and early["zswpwb"] > 10
    assert late["zswap_pool_limit_hit"] > 10 and late["zswpwb"] == 0


def test_the_oldest_leave_first():
    """Slots are handed out in the order of the writes: what was written by zswap are the first."""
    done = ran(cell("6.12", "zram"), rounds=0)
    entries = done.built.memory.table("zswap_entries")
    gone = done.metrics["zswpwb"]
    assert gone > 30 and not entries["kind"][:gone].any() and entries["kind"][gone : gone + 20].all()


@pytest.mark.parametrize(("kernel", "exclusive"), [("6.8", False), ("6.9", True)])
def test_what_is_read_leaves_zswap_since_6_9(kernel, exclusive):
    """A page that is read and stays clean has to be stored again once it has left."""
    told = ran(roomy(kernel), rounds=3).metrics
    again = told["zswpout"] / PAGES
    assert told["pswpout"] == 0 and (again > 3 if exclusive else again < 3)


def test_pages_of_zeros_by_version():
    """To 4.15 they are compressed, to 6.11 entries without memory, since then bits of a map."""
    contents = Zswap(compression_ratio=8, zero_filled=0.25)
    old, mid, new = (ran(roomy(kernel, contents=contents)).metrics for kernel in ("4.14", "4.20", "6.12"))
    assert old["zswap_same_filled_pages"] == old["swpout_zero"] == 0
    assert mid["zswap_same_filled_pages"] > 100 and mid["swpout_zero"] == 0
    assert new["zswap_same_filled_pages"] == 0 and abs(new["swpin_zero"] - PAGES // 4) < 10
    assert old["zswap_pool_pages"] > mid["zswap_pool_pages"]


@pytest.mark.parametrize(
    ("kernel", "counter"),
    [("6.6", "zswap_reject_compress_poor"), ("6.12", "zswap_reject_compress_fail"), ("6.18", "")],
)
def test_pages_that_do_not_compress(kernel, counter):
    contents = Zswap(compression_ratio=8, incompressible=0.125)
    told = ran(roomy(kernel, contents=contents), rounds=0).metrics
    refused = {name: told[name] for name in told if name.startswith("zswap_reject") and told[name]}
    if counter:
        assert list(refused) == [counter] and told["pswpout"] == refused[counter] > 80
    else:  # stored as they are
        assert not refused and told["pswpout"] == 0


def test_before_the_worker_who_stores_makes_room():
    """To 5.6 each page that finds the pool full has one entry written, then and there."""
    told = ran(cell("4.19"), rounds=0).metrics
    assert told["zswpwb"] == told["zswap_pool_limit_hit"] > 0


def test_zsmalloc_could_not_be_shrunk_before_6_2():
    told = ran(cell("6.1", zswap_zpool="zsmalloc"), rounds=0).metrics
    assert told["zswpwb"] == 0 and told["zswap_reject_reclaim_fail"] > 0
    assert ran(cell("6.3", zswap_zpool="zsmalloc"), rounds=0).metrics["zswpwb"] > 0


def test_the_shrinker_writes_before_the_pool_is_full():
    off, on = (ran(roomy(zswap_shrinker_enabled=flag), rounds=2).metrics for flag in (False, True))
    assert off["zswpwb"] == off["zswap_pool_limit_hit"] == on["zswap_pool_limit_hit"] == 0
    assert on["zswpwb"] > 100 and on["zswap_pool_pages"] < off["zswap_pool_pages"]


def test_a_group_pays_for_what_is_stored():
    done = ran(roomy())
    held = -(-done.metrics["cgroup.g.zswap"] // PAGE)
    assert 0 <= done.metrics["cgroup.g.kmem_pages"] - held < 6  # page tables, a page to spare
    assert done.metrics["cgroup.g.usage_pages"] <= 256 + 2
    before = ran(roomy("5.18")).metrics
    assert before["cgroup.g.kmem_pages"] < 6 < held


def test_a_limit_counts_the_whole_subtree():
    groups = {"p": Cgroup(zswap_max=64 * PAGE), "g": Cgroup(parent="p", max=MiB)}
    described = roomy("6.11")
    told = ran(Cell(**{**vars(described), "cgroups": groups})).metrics
    assert 0 < told["cgroup.p.zswap"] == told["cgroup.g.zswap"] < 65 * PAGE and told["zswpwb"] > 0


def test_nothing_is_written_for_a_group_below_one_that_forbids_it():
    groups = {"p": Cgroup(zswap_writeback=False), "g": Cgroup(parent="p", max=MiB)}
    told = run(Cell(**{**vars(cell()), "cgroups": groups}), writes(np.arange(380))).metrics
    assert told["pswpout"] == told["zswpwb"] == 0 and told["zswpout"] > 0


def test_groups_are_shrunk_in_turn():
    """Two groups alike lose alike, though one began alone."""
    group = Cgroup(max=MiB)
    described = Cell(
        kernel="6.12", machine=machine(16, cpus=2, zswap=Zswap(compression_ratio=2.5), **with_swap("zram", 64 * MiB)),
        vm=Sysctl(zswap=True, zswap_max_pool_percent=5, page_cluster=0), cgroups={"a": group, "b": group},
        tasks={"a": given(cgroup="a"), "b": given(cgroup="b")},
    )  # fmt: skip
    every = np.arange(PAGES)
    stream = np.concatenate([writes(every)] * 3)
    told = run(described, {"a": stream, "b": stream}).metrics
    assert 0.6 < told["cgroup.a.zswpwb"] / told["cgroup.b.zswpwb"] < 1.7 and told["cgroup.a.zswpwb"] > 100


def test_where_it_is_off_there_is_nothing_of_it():
    described = cell()
    off = Cell(**{**vars(described), "vm": Sysctl(page_cluster=0)})
    done = ran(off)
    assert not any("zsw" in name for name in done.metrics) and len(zswap_entries(done.m)) == 0
    assert not any(actor.startswith("zswap") for actor in done.built.plan.actors)
    no_swap = Cell(**{**vars(described), "machine": Machine(nodes=described.machine.nodes)})
    assert not any("zsw" in name for name in run(no_swap, writes(np.arange(200))).metrics)


@pytest.mark.parametrize(
    ("kernel", "said", "words"),
    [
        ("3.10", {"zswap": True}, "it came with 3.11"),
        ("5.6", {"zswap_accept_threshold_percent": 80}, "it came with 5.7"),
        ("6.7", {"zswap_shrinker_enabled": True}, "it came with 6.8"),
        ("6.15", {"zswap_zpool": "zbud"}, "no pool of zbud's"),
        ("3.16", {"zswap_zpool": "zsmalloc"}, "no pool of zsmalloc's"),
    ],
)
def test_versions_that_have_not(kernel, said, words):
    with pytest.raises(ValueError, match=words):
        resolve(one(kernel, machine(16), vm=Sysctl(**said)))


def test_groups_of_versions_that_have_not():
    for kernel, group in (("5.18", Cgroup(zswap_max=0)), ("6.7", Cgroup(zswap_writeback=False))):
        with pytest.raises(ValueError, match=r"memory\.zswap"):
            resolve(one(kernel, machine(16), cgroups={"g": group}))


def test_a_task_that_ends_leaves_nothing_behind():
    """Entries, zspages, slabs and charges go with its slots."""
    every = np.arange(PAGES)
    host = machine(16, cpus=2, zswap=Zswap(zero_filled=0.1), **with_swap("partition", 64 * MiB))
    tasks = {"t": given(Region(size=PAGES * PAGE), cgroup="g", stays=False), "u": Task(
        stream=given().stream, memory=(Region(),), start=10**9)}  # fmt: skip
    described = Cell(kernel="6.12", machine=host, vm=Sysctl(zswap=True), cgroups={"g": Cgroup(max=MiB)}, tasks=tasks)
    done = run(described, {"t": writes(every), "u": writes(np.arange(2))})
    told = done.metrics
    assert told["zswpout"] > 0 and told["zswap_stored_pages"] == told["zswap_pool_pages"] == 0
    assert told["zswap_entry_pages"] == 0 and told["cgroup.g.usage_pages"] <= 3
    assert not (zswap_entries(done.m)["kind"] != 0).any()


def test_swap_areas_of_all_kinds_stand_behind_it():
    """A device that is waited for, one that is not, and a server: what zswap refuses they have."""
    for kind in ("zram", "partition", "nbd"):
        told = ran(cell(swap=kind), rounds=1).metrics
        assert told["outcome"] == "ok" and told["pswpout"] > 0 and told["zswpwb"] > 0, kind


def test_zram_stores_only_what_is_written_to_it():
    """Behind zswap a slot of zram's takes memory when its page is written, not when it is handed out."""
    host = machine(16, zswap=Zswap(compression_ratio=8), swap={"s": SwapTarget(kind="zram", size=64 * MiB)})
    described = one("6.12", host, vm=Sysctl(zswap=True, zswap_max_pool_percent=50), cgroups={"g": Cgroup(max=MiB)})
    done = ran(described, rounds=0)
    assert not done.built.memory.table("zram_stored").any() and done.metrics["zswap_stored_pages"] > 700
