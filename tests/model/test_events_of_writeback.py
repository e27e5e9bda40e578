"""Events of writeback, context switches, bounces and DAMON: they add up to what is counted, and say what holds."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from mmrun.model import api
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Task, Variant
from mmrun.model.tracepoints import decode, selected, words_of
from mmrun.model.tracing.watch import Seen, Watch
from mmrun.model.units import MB_S, MS, US, KiB, MiB, S
from mmrun.runner.events.ftrace import lines
from tests.model.bounced import host

HZ = 250


def told(cell: Cell, *names: str) -> tuple[dict, Seen, list[tuple[str, dict]]]:
    """Metrics, what was seen, and (event, its fields as they are) in order."""
    outcome = api.simulate(cell, watch=Watch(points=selected(names)))
    seen = outcome.events
    assert seen is not None and seen.lost == 0
    return (
        outcome.metrics,
        seen,
        [(event.point.name, dict(zip(event.point.fields, event.fields, strict=True))) for event in decode(seen.words)],
    )


def writers(kernel: str, count: int = 1) -> Cell:
    """Writers to a disk of 8 MB/s, of which 16 MiB may be dirty: the guest of tests/fidelity/dirty_runs.py, smaller."""
    stream = Stream(kind="writer", params={"size": 24 * MiB, "accesses": 24 * 256})
    task = Task(stream=stream, memory=(Region(kind="file", access="read", disk="d"),), count=count, think=60 * US)
    disk = Disk(parallel=1, write_latency=0, read_latency=0, write_bandwidth=8 * MB_S, read_bandwidth=8 * MB_S)
    machine = Machine(nodes=(Node(cpus=1, memory=128 * MiB),), hz=HZ, disks={"d": disk})
    cell = Cell(kernel=kernel, machine=machine, tasks={"w": task})
    return replace(cell, vm=replace(cell.vm, dirty_bytes=16 * MiB, dirty_background_bytes=8 * MiB))


def test_a_call_of_balance_dirty_pages_tells_what_it_saw_and_did():
    """The relations that hold between the fields of every event recorded of Linux 6.1 (tests/fidelity/dirty.py)."""
    metrics, _, events = told(writers("6.1"), "balance_dirty_pages", "global_dirty_state", "bdi_dirty_ratelimit")
    calls = [fields for name, fields in events if name == "balance_dirty_pages"]
    assert len(calls) > 50
    for call in calls:
        freerun = (16 + 8) * 256 // 2
        assert call["setpoint"] == (call["limit"] + freerun) // 2
        assert freerun < call["dirty"] and call["wb_dirty"] <= call["dirty"]
        assert (call["task_ratelimit"] == 0) == (call["dirty"] >= call["limit"])
        assert call["wb_setpoint"] <= call["setpoint"]
        if call["task_ratelimit"]:
            assert call["period"] == 1000 // HZ * (HZ * call["dirtied"] // call["task_ratelimit"])
            wanted = call["period"] - (call["think"] - call["paused"])
            assert call["pause"] <= max(wanted, 0)
    assert sum(call["pause"] > 0 for call in calls) == metrics["dirty_pauses"]
    assert sum(name == "global_dirty_state" for name, _ in events) >= len(calls)
    rates = [fields for name, fields in events if name == "bdi_dirty_ratelimit"]
    assert len(rates) >= 4 and {call["dirty_ratelimit"] for call in calls} <= {
        rate["dirty_ratelimit"] for rate in rates
    } | {25600}


@pytest.mark.parametrize("kernel", ["3.1", "6.18"])
def test_what_flushers_tell_adds_up(kernel):
    metrics, seen, events = told(writers(kernel, 2), "writeback")
    sums = Counter(name for name, _ in events)
    assert sums["writeback_dirty_folio"] == metrics["nr_dirtied"] == 2 * 24 * 256
    visits = [fields for name, fields in events if name == "writeback_single_inode"]
    assert sum(visit["wrote"] for visit in visits) >= metrics["nr_written"] > 0
    if kernel == "6.18":  # in 3.1 dirtiers write, too
        assert sum(fields["pages"] for name, fields in events if name == "writeback_pages_written") <= sum(
            visit["wrote"] for visit in visits
        )
        assert sums["writeback_start"] == sums["writeback_written"] > 0
    assert sums["writeback_single_inode_start"] == sums["writeback_single_inode"] == len(visits)
    assert sums["writeback_dirty_inode_enqueue"] >= 2
    works = [words_of(event) for event in decode(seen.words) if event.point.name == "writeback_start"]
    assert {work["reason"] for work in works} <= {"background", "periodic"}
    assert all(work["background"] == (work["reason"] == "background") for work in works)
    printed = {line.split(": ")[1].strip() for line in list(lines(seen, kernel, "ftrace"))[2:]}
    assert ("balance_dirty_start" in printed) == (kernel == "3.1")
    assert ("writeback_dirty_folio" in printed) == (kernel == "6.18")


def test_a_cpu_goes_from_one_task_to_the_next():
    """Where actors share CPUs, each is left by whom it was given to, at a time that does not go back."""
    tasks = {f"t{i}": Task(stream=Stream(kind="loop", params={"size": 4 * MiB, "accesses": 400_000})) for i in range(3)}
    cell = Cell(kernel="6.18", machine=Machine(nodes=(Node(cpus=2, memory=64 * MiB),)), tasks=tasks,
                policy={"sched": Variant(variant="fair")})  # fmt: skip
    _, seen, _ = told(cell, "sched")
    switches = [event for event in decode(seen.words) if event.point.name == "sched_switch"]
    assert len(switches) > 10
    for cpu in (0, 1):
        own = [event for event in switches if event.cpu == cpu]
        for one, other in pairwise(own):
            assert one.fields[2] == other.fields[0] and one.time <= other.time
    states = Counter(words_of(event, seen.actors)["state"] for event in switches if event.fields[0] >= 0)
    assert states["R"] >= 3, "turns end"
    line = next(line for line in lines(seen, "6.18", "ftrace") if "prev_comm=t0" in line)
    assert "prev_pid=1000 prev_prio=120 prev_state=" in line and " ==> next_comm=" in line


def test_an_actor_with_a_cpu_of_its_own_comes_and_goes_in_turns():
    _, seen, _ = told(writers("6.1"), "sched")
    for row, who in enumerate(seen.actors):
        own = [event for event in decode(seen.words) if event.actor == row and event.point.name == "sched_switch"]
        comes = [event.fields[2] == row for event in own]
        assert comes == [at % 2 == 0 for at in range(len(comes))], who
        assert all(event.fields[0 if came else 2] == -1 - event.cpu for event, came in zip(own, comes, strict=True))
    words = [words_of(event, seen.actors) for event in decode(seen.words) if event.point.name == "sched_switch"]
    assert {word["state"] for word in words if word["prev"] == "w"} == {"D", "X"}, "it sleeps for its disk, and dies"


def test_every_bounce_is_told():
    params = {"device": "d0", "count": 60, "size": 64 * KiB, "hold": 40, "order": "random", "direction": "from_device"}
    task = Task(stream=Stream(kind="dma", params=params))
    cell = Cell(kernel="6.12", machine=host(64, (32,), cpus=2, size=MiB, force="force"), tasks={"t": task})
    metrics, seen, events = told(cell, "swiotlb")
    assert len(events) == metrics["swiotlb_bounced"] == 60
    assert list(lines(seen, "6.12", "ftrace"))[2].endswith(" size=65536 FORCE")
    assert "dev_name: 0000:00:01.0 dma_mask=ffffffff dev_addr=" in list(lines(seen, "6.12", "ftrace"))[2]
    assert list(lines(seen, "3.12", "ftrace")) == ["# tracer: nop", "#"]


@pytest.mark.parametrize("by_task", [False, True])
def test_an_aggregation_tells_every_region(by_task):
    stream = Stream(kind="uniform", params={"size": 8 * MiB, "accesses": 40_000, "write_fraction": 1.0})
    params = {"by_task": by_task, "aggr_us": 20_000, "sample_us": 1_000}
    cell = Cell(kernel="6.18", machine=Machine(nodes=(Node(cpus=1, memory=32 * MiB),)), duration=S // 10,
                tasks={"t": Task(stream=stream, think=5 * US)},
                policy={"idle": Variant(variant="damon", params=params)})  # fmt: skip
    _, seen, events = told(cell, "damon")
    times = Counter(event.time for event in decode(seen.words))
    assert len(times) >= 3
    for time, count in times.items():
        regions = [dict(zip(event.point.fields, event.fields, strict=True)) for event in decode(seen.words)
                   if event.time == time]  # fmt: skip
        assert {region["nr_regions"] for region in regions} == {count}
        assert regions[0]["start"] == 0 and regions[-1]["end"] == (8 if by_task else 32) * MiB
        assert all(one["end"] == other["start"] for one, other in pairwise(regions))
    assert max(fields["nr_accesses"] for _, fields in events) >= 5
    old, new = (list(lines(seen, version, "ftrace"))[2] for version in ("5.15", "6.18"))
    assert new.startswith(old) and new[len(old) :].strip().isdigit(), "ages came later"


def test_a_socket_that_gets_no_memory_is_told():
    """Sockets of which nothing is read, with half a MiB for all of them: an event for each time that one is refused."""
    both = {"flow": "unread", "connections": 16, "message": 64 * KiB, "bytes": 64 * MiB}
    streams = {
        "greedy": Stream(kind="netstream", params={**both, "role": "send", "nowait": True}),
        "reader": Stream(kind="netstream", params={**both, "role": "receive", "stall": 10**10}),
    }
    cell = Cell(kernel="6.12", machine=Machine(nodes=(Node(cpus=2, memory=64 * MiB),)), duration=20 * MS,
                tasks={name: Task(stream=stream) for name, stream in streams.items()})  # fmt: skip
    marks = {"tcp_mem_min": 64, "tcp_mem_pressure": 96, "tcp_mem_max": 128}
    metrics, seen, events = told(replace(cell, vm=replace(cell.vm, **marks)), "sock")
    assert len(events) == metrics["sk_mem_refused"] > 0
    for _, fields in events:
        assert (fields["low"], fields["pressure"], fields["high"]) == (64, 96, 128)
        assert fields["allocated"] > 64
    line = list(lines(seen, "6.12", "ftrace"))[2]
    assert "proto:TCP sysctl_mem=64,96,128 allocated=" in line and "kind=SK_MEM_" in line
    assert list(lines(seen, "3.1", "ftrace"))[2].partition(" rmem_alloc=")[2].isdigit()
