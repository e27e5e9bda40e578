"""Tracepoints: what is counted is traced, nothing depends on watching; the ring's room, filters, formats by version."""

import re
from collections import Counter
from dataclasses import replace
from string import Formatter

import numpy as np
import pytest

from mmrun.model import api
from mmrun.model.core.timeline import VERSIONS, always
from mmrun.model.core.tracepoint import KINDS, tracepoint
from mmrun.model.description import Cell, Cgroup, Region, Stream, Task
from mmrun.model.mechanisms import parts
from mmrun.model.mm.page import gfp
from mmrun.model.mm.page.tracepoints import gfp_names
from mmrun.model.tracepoints import decode, selected, tracepoints, words_of
from mmrun.model.tracing.watch import HEADER, Seen, Watch, Who
from mmrun.model.units import MiB
from mmrun.runner.events.ftrace import as_compat, flag_characters, lines
from tests.model.cells import machine, with_swap

ALL = selected(["*"])


def pressed(kernel: str, kind: str = "partition") -> Cell:
    """A file that is read and memory that is written, together more than the machine has, with swap of a kind."""
    swap = with_swap(kind, 64 * MiB)
    reader = Stream(kind="uniform", params={"size": 24 * MiB, "accesses": 9_000, "write_fraction": 0.0})
    writer = Stream(kind="uniform", params={"size": 24 * MiB, "accesses": 9_000, "write_fraction": 1.0})
    tasks = {
        "reader": Task(stream=reader, memory=(Region(kind="file"),)),
        "writer": Task(stream=writer, memory=(Region(),)),
    }
    return Cell(kernel=kernel, machine=machine(32, cpus=2, **swap), tasks=tasks)


def watched(cell: Cell, **more: object) -> tuple[dict, Seen]:
    outcome = api.simulate(cell, watch=Watch(points=ALL, **more))
    assert outcome.events is not None
    return outcome.metrics, outcome.events


@pytest.mark.parametrize("kernel, kind", [("3.1", "partition"), ("3.1", "zram"), ("4.19", "zram"), ("6.18", "zram")])
def test_what_is_traced_is_what_is_counted_and_watching_changes_nothing(kernel, kind):
    told, seen = watched(pressed(kernel, kind))
    assert told == api.simulate(pressed(kernel, kind)).metrics
    sums = Counter()
    for event in decode(seen.words):
        field = dict(zip(event.point.fields, event.fields, strict=True))
        sums[event.point.name] += 1
        if event.point.name in ("mm_page_alloc", "mm_page_free"):
            sums[event.point.name + " pages"] += 1 << field["order"]
        elif event.point.name == "mm_vmscan_lru_isolate":
            sums["active" if field["active"] else "inactive"] += field["scanned"]
        elif event.point.name == "mm_vmscan_lru_shrink_inactive":
            sums["stolen"] += field["reclaimed"]
            sums["activated"] += field["activate_anon"] + field["activate_file"]
        elif event.point.name == "mm_vmscan_direct_reclaim_end":
            sums["direct"] += field["nr_reclaimed"]
    assert seen.lost == 0
    assert sums["mm_page_alloc pages"] == told["pgalloc"] > 10_000
    assert sums["mm_page_free pages"] == told["pgfree"]
    assert sums["inactive"] == told["pgscan_anon"] + told["pgscan_file"] > 1_000
    assert sums["active"] == told["pgrefill"]
    assert sums["stolen"] == told["pgsteal_anon"] + told["pgsteal_file"]
    assert sums["mm_vmscan_write_folio"] == told["nr_vmscan_write"]
    assert sums["mm_vmscan_direct_reclaim_begin"] == sums["mm_vmscan_direct_reclaim_end"] == told["allocstall"]
    assert sums["mm_vmscan_wakeup_kswapd"] == sum(told[name] for name in told if name == "kswapd_wake") > 0
    assert sums["mm_page_alloc_extfrag"] == told["mm_page_alloc_extfrag"]
    assert sums["activated"] <= told["pgactivate"]


def test_a_full_ring_keeps_the_first_events_and_counts_the_others():
    _, whole = watched(pressed("6.18"))
    _, part = watched(pressed("6.18"), buffer=8 * 1_000)
    kept = len(part.words)
    assert 1_000 - HEADER - 16 < kept <= 1_000
    assert (part.words == whole.words[:kept]).all()
    assert part.lost == sum(1 for _ in decode(whole.words)) - sum(1 for _ in decode(part.words))


def test_filters_by_event_task_and_time_keep_exactly_what_is_theirs():
    _, whole = watched(pressed("6.18"))
    events = list(decode(whole.words))
    begin, end = events[len(events) // 3].time, events[len(events) // 2].time
    points = selected(["kmem", "mm_vmscan_kswapd_*"])
    watch = Watch(points=points, tasks=frozenset({"writer"}), begin=begin, end=end)
    some = api.simulate(pressed("6.18"), watch=watch).events
    wanted = [
        event for event in events
        if event.point.number in points and whole.actors[event.actor].comm == "writer" and begin <= event.time < end
    ]  # fmt: skip
    assert wanted
    assert list(decode(some.words)) == wanted


def test_filters_by_node_and_group_keep_what_their_actors_did():
    cell = pressed("6.18")
    group = {"g": Cgroup(max=16 * MiB)}
    tasks = {name: replace(task, cgroup="g" if name == "writer" else None) for name, task in cell.tasks.items()}
    cell = replace(cell, tasks=tasks, cgroups=group, machine=replace(cell.machine, nodes=machine(16, 16).nodes))
    _, whole = watched(cell)
    for given, mine in (
        ({"groups": frozenset({"g"})}, lambda who: who.group == "g"),
        ({"nodes": frozenset({1})}, lambda who: who.node == 1),
    ):
        _, some = watched(cell, **given)
        wanted = [event for event in decode(whole.words) if mine(whole.actors[event.actor])]
        assert 0 < len(wanted) < sum(1 for _ in decode(whole.words))
        assert list(decode(some.words)) == wanted


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean `mm_page_alloc`"):
        selected(["mm_page_aloc"])
    assert len(selected(["vmscan:mm_vmscan_kswapd_wake"])) == 1
    assert selected(["oom"]) == selected(["oom:*"])


def test_a_number_is_nobody_elses():
    with pytest.raises(ValueError, match="is taken"):
        tracepoint(next(iter(tracepoints().values())).number, "x", "nobody", "a", always("a={a}", ""))


@pytest.mark.parametrize("point", tracepoints().values(), ids=str)
def test_every_version_can_print_every_event(point):
    """Templates name fields there are, kinds are known, and a line of zeros can be formatted."""
    assert all(not kind or kind in KINDS for kind in point.kinds)
    event = next(decode(np.array([5, point.number, *[0] * len(point.fields)], np.int64)))
    for reads in (as_compat(point), *(point.reads(version) for version in (*VERSIONS, "6.18+mglru"))):
        if reads is None:
            continue
        name, template = reads
        assert re.fullmatch("[a-z0-9_]+", name), "which scripts look for"
        named = {field.partition(".")[0] for _, field, _, _ in Formatter().parse(template) if field}
        assert named <= {*point.fields, "page"}
        template.format_map(words_of(event))


def test_lines_are_those_that_the_kernels_scripts_were_seen_to_accept():
    """The two lines of a sample that both scripts of 6.18 read, and the same event of 3.1 and as 6.18 prints it."""
    shrink, write = tracepoints()["mm_vmscan_lru_shrink_inactive"], tracepoints()["mm_vmscan_write_folio"]
    fields = [0, 2, 32, 30, 2, 0, 0, 0, 0, 2, 2, 0, 12, 1]
    words = [165_504_352_000, shrink.number, *fields, 165_504_361_999, write.number | 1 << 16, 4660, 1]
    seen = Seen(np.array(words, np.int64), 0, [Who("dd", 5253, 0)])
    tail = "flags=RECLAIM_WB_FILE|RECLAIM_WB_ASYNC"
    assert [line.split() for line in lines(seen, "6.18", "compat")][2:] == [
        line.split() for line in (
            "dd-5253 [000] 165.504352: mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=32 nr_reclaimed=30 nr_dirty=2 "
            "nr_writeback=0 nr_congested=0 nr_immediate=0 nr_activate_anon=0 nr_activate_file=2 nr_ref_keep=0 "
            f"nr_unmap_fail=0 priority=12 {tail}",
            f"dd-5253 [001] 165.504361: mm_vmscan_writepage: page=ffffea0000048d00 pfn=4660 {tail}",
        )
    ]  # fmt: skip
    old = list(lines(seen, "3.1", "ftrace"))[2:]
    assert old[0].endswith(f"nid=0 zid=2 nr_scanned=32 nr_reclaimed=30 priority=12 {tail}")
    assert old[0].startswith("              dd-5253    [000]    165.504352: mm_vmscan")
    new = list(lines(seen, "6.18", "ftrace"))[3]
    assert new.startswith("              dd-5253    [001] .....   165.504361: mm_vmscan_write_folio: ")
    assert new.endswith(f"page=ffffea0000048d00 pfn=0x1234 {tail}")
    assert [len(flag_characters(version)) for version in ("3.1", "3.2", "5.14", "5.15")] == [0, 4, 4, 5]


def test_allocation_flags_in_words():
    assert gfp_names(gfp.GFP_HIGHUSER_MOVABLE | gfp.ZERO) == "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"
    assert gfp_names(gfp.GFP_KERNEL | gfp.DMA) == "GFP_KERNEL|__GFP_DMA"
    assert gfp_names(0) == "0"


def test_a_version_has_the_names_and_events_of_its_time():
    points = tracepoints()
    assert points["mm_vmscan_write_folio"].reads("3.1")[0] == "mm_vmscan_writepage"
    assert points["mm_page_free"].reads("3.1")[0] == "mm_page_free_direct"
    assert points["mm_vmscan_throttled"].reads("5.15") is None
    assert points["writeback_congestion_wait"].reads("6.1") is None
    assert points["map"].reads("6.18") == (
        "map", "IOMMU: iova=0x{iova:016x} - 0x{end:016x} paddr=0x{paddr:016x} size={size}",
    )  # fmt: skip
    text = list(lines(watched(pressed("6.18+mglru"))[1], "6.18+mglru", "ftrace"))
    assert any("mm_vmscan_lru_shrink_inactive" in line for line in text)


def test_every_tracepoint_stands_in_a_mechanism():
    homes = {module.__name__ for module in parts("tracepoints")}
    assert {name.split(".")[-2] for name in homes} >= {
        "page",
        "reclaim",
        "compaction",
        "migrate",
        "cma",
        "limits",
        "iommu",
        "writeback",
        "dirty_throttling",
        "sched",
        "tcp_mem",
        "swiotlb",
        "damon",
    }
