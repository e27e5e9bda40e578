"""Idle page tracking: flags shared with reclaim, ages against a script, histograms, cost, the truth."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Cgroup, Disk, Sampling, Stream, Task, Variant
from mmrun.model.machine.state import geometry
from mmrun.model.mm.idle import idle, idle_stats, truth
from mmrun.model.mm.idle.state import idle_count, idle_settings, scanners
from mmrun.model.mm.lru import lru, rmap
from mmrun.model.mm.page.flags import ANON, DIRTY, IDLE, LRU, SWAPCACHE, YOUNG
from mmrun.model.mm.task.state import PTE_YOUNG
from mmrun.model.units import MS, PAGE, KiB, MiB, S
from tests.model.cells import FILE, READ, ZRAM, Run, machine, machine_of, mapped_frame, one, reads, run, writes

PAGES = 93  # three lru_add batches of 31: all of them on lists
SECOND = compute(S)


def watched(variant: str, *regions: Any, size: int = 16, cold_after: int = 2 * S, every: int | None = None,
            **params: int) -> Cell:  # fmt: skip
    host = machine(size, disks={"d": Disk()})
    policy = {"idle": Variant(variant=variant, params=params)}
    return one("6.18", host, *regions, policy=policy, sampling=Sampling(every=every, cold_after=cold_after))


def frame(built: Built, page: int) -> int:
    found = mapped_frame(built, page)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def resident() -> Run:
    """A machine whose only task has just touched its pages; no scanner has come by yet."""
    return run(watched("idle-bitmap", interval_ms=1000), np.concatenate([reads(range(PAGES)), compute(S // 2)]))


def test_buckets_start_at_1_2_5_15_30_60_120_240():
    bounds = [1, 2, 5, 15, 30, 60, 120, 240]
    assert [idle.bucket(age) for age in range(256)] == list(np.searchsorted(bounds, np.arange(256), side="right") - 1)


def test_a_stolen_young_bit_counts_once_for_reclaim(resident: Run):
    m, page = resident.m, resident.built.memory.table("frames")
    pfn = frame(resident.built, 5)
    word = resident.built.memory.table("pte")
    at = int(page["owner"][pfn])
    page["state"][pfn] &= ~(IDLE | YOUNG)
    word[at] |= PTE_YOUNG
    assert idle.clear_references(m, pfn) & 1 and not word[at] & PTE_YOUNG and page["state"][pfn] & YOUNG
    assert not idle.clear_references(m, pfn) & 1, "the bit is gone, the note stays"
    assert rmap.referenced(m, pfn) == 1 and not page["state"][pfn] & YOUNG
    assert rmap.referenced(m, pfn) == 0
    word[at] |= PTE_YOUNG
    idle.clear_references(m, pfn)
    word[at] |= PTE_YOUNG
    assert rmap.referenced(m, pfn) == 1, "used before and after the scanner came by: still one mapping"


def test_references_are_counted_by_mapping():
    """A file page that two tasks map: the scanner's note goes to the mapping that reclaim looks at first."""
    shared = replace(FILE, file="shared", fault_around=4 * KiB)
    tasks = {name: Task(stream=Stream(kind="given"), stays=True, memory=(shared,)) for name in ("a", "b")}
    cell = replace(watched("idle-bitmap", interval_ms=1000), tasks=tasks)
    done = run(cell, {name: np.concatenate([reads(range(PAGES)), compute(S // 2)]) for name in tasks})
    m, page, word = done.m, done.built.memory.table("frames"), done.built.memory.table("pte")
    pfn, task = frame(done.built, 5), done.built.memory.table("tasks")
    first, second = (int(task[t].pte_start) + 5 for t in (0, 1))
    if done.built.memory.table("files")[0].first_region != 0:
        first, second = second, first
    found = []
    for note, young in product((0, YOUNG), ((0, 0), (1, 0), (0, 1), (1, 1))):
        page["state"][pfn] = (page["state"][pfn] & ~YOUNG) | note
        for at, bit in zip((first, second), young, strict=True):
            word[at] = (word[at] & ~PTE_YOUNG) | (PTE_YOUNG if bit else 0)
        found.append(rmap.referenced(m, pfn))
        assert not page["state"][pfn] & YOUNG and not (word[first] | word[second]) & PTE_YOUNG
    assert found == [0, 1, 1, 2, 1, 1, 2, 2]


def test_a_reference_ends_idleness_whoever_sees_it(resident: Run):
    m, page, word = resident.m, resident.built.memory.table("frames"), resident.built.memory.table("pte")
    pfn = frame(resident.built, 7)
    at = int(page["owner"][pfn])
    for see in (rmap.referenced, idle.clear_references, lru.mark_accessed):
        page["state"][pfn] |= IDLE
        word[at] |= PTE_YOUNG
        see(m, pfn)
        assert not page["state"][pfn] & IDLE
    page["state"][pfn] = (page["state"][pfn] | IDLE) & ~YOUNG
    word[at] &= ~PTE_YOUNG
    assert rmap.referenced(m, pfn) == 0 and page["state"][pfn] & IDLE, "not being referenced does not"


def test_a_page_read_through_a_descriptor_is_not_idle():
    """Two system calls mark it accessed; no page-table word is involved."""
    events = np.concatenate([reads(range(PAGES)), compute(1500 * MS), reads([4]), compute(S)])
    done = run(watched("kstaled", READ, scan_ms=1000), events)
    frames, entries = done.built.memory.table("frames"), done.built.memory.table("cache")
    ages = done.built.memory.table("idle_age")[entries[:PAGES] - 1]
    assert ages[4] == 0 and (np.delete(ages, 4) >= 1).all() and (frames["mapcount"][entries[:PAGES] - 1] == 0).all()


def expected_age(built: Built, page: int, touches: list[int], until: int, seconds: int) -> int:
    """Walk the scans that reach the page's frame, in the second of each that its place says: idle since or not."""
    slot = frame(built, page) // -(-int(geometry(built.memory.m).nr_frames) // seconds)
    age, before = 0, 0
    for number, at in enumerate(range(slot * S, until, seconds * S)):
        if any(before < touch <= at for touch in touches):
            age = 0
        elif number and at > touches[0]:
            age += 1
        before = at
    return age


def test_kstaled_ages_follow_the_script_exactly():
    """Page p is touched at 500 ms and again at p * 770 ms + 30: the last scan that found it used sets its age."""
    seconds, end = 10, 110 * S + 70 * MS
    again = {page: page * 770 * MS + 30 * MS for page in range(PAGES)}
    script = sorted([(500 * MS, page) for page in range(PAGES)] + [(at, page) for page, at in again.items()])
    now, events = 0, []
    for at, page in script:
        events += [compute(max(0, at - now)), reads([page])]
        now = max(now, at)
    built = run(watched("kstaled", scan_ms=seconds * 1000), np.concatenate([*events, compute(end - now)])).built
    ages = [int(built.memory.table("idle_age")[frame(built, page)]) for page in range(PAGES)]
    expected = [expected_age(built, page, sorted((500 * MS, again[page])), end, seconds) for page in range(PAGES)]
    assert ages == expected and len(set(ages)) >= 8


def test_one_thread_visits_every_page_of_every_node_once_a_scan():
    """Three seconds a scan, a third of each node every second; its time is a look at each page and three wake-ups."""
    used = 3100
    host = machine(16, 24, 16)
    tasks = {f"t{node}": Task(stream=Stream(kind="given"), stays=True, node=node) for node in range(3)}
    policy = {"idle": Variant(variant="kstaled", params={"scan_ms": 3000})}
    cell = Cell(kernel="6.18", machine=host, tasks=tasks, policy=policy, sampling=Sampling(cold_after=2 * S))
    done = run(cell, dict.fromkeys(tasks, np.concatenate([reads(range(used)), compute(30 * S - S // 2)])))
    costs, scans, listed = host.costs, int(scanners(done.m)[0].rounds), done.built.memory.table("frames")["state"] & LRU
    passing = scans * (56 * MiB // PAGE * costs.pfn_walk + 3 * costs.kswapd_wake)
    looks, rest = divmod(done.metrics["idle_scan_ns"] - passing, costs.rmap_check)
    assert scans == 10 and np.count_nonzero(listed) == 3 * used
    assert rest == 0 and (scans - 1) * 3 * used < looks <= scans * 3 * used, "at its first second memory was empty"
    assert set(done.built.memory.table("idle_age")[listed != 0].tolist()) <= {scans - 2, scans - 1}


def test_ages_saturate_and_histograms_count_whole_rounds():
    built = run(watched("kstaled", scan_ms=100), np.concatenate([reads(range(PAGES)), compute(30 * S)])).built
    row = built.memory.table("idle_stats")[0]
    assert (built.memory.table("idle_age")[[frame(built, page) for page in range(PAGES)]] == 255).all()
    assert row.ages[255] == PAGES == row.ages.sum() and row.by_class[:, 7].sum() == PAGES == row.by_class.sum()
    assert row.by_class[idle.IDLE_DIRTY_SWAP, 7] == PAGES, "anonymous memory without a copy in swap"


def test_groups_read_how_long_their_pages_have_been_idle():
    """93 pages each: one group touches a page in three again in the last second, the other none for 18 scans."""
    host, policy = (
        machine(16, cpus=2, disks={"d": Disk()}),
        {"idle": Variant(variant="kstaled", params={"scan_ms": 1000})},
    )
    tasks = {
        "a": Task(stream=Stream(kind="given"), stays=True, cgroup="a"),
        "b": Task(stream=Stream(kind="given"), stays=True, cgroup="b", memory=(replace(FILE, fault_around=4 * KiB),)),
    }
    groups = {"a": Cgroup(), "b": Cgroup(), "empty": Cgroup()}
    cell = Cell(kernel="6.18", machine=host, tasks=tasks, cgroups=groups, policy=policy)
    again = np.concatenate([compute(18 * S), reads(range(0, PAGES, 3)), compute(S)])
    found = run(cell, {
        "a": np.concatenate([writes(range(PAGES)), again]), "b": np.concatenate([reads(range(PAGES)), compute(19 * S)]),
    }).metrics  # fmt: skip
    used = len(range(0, PAGES, 3))
    assert [found[f"cgroup.a.idle_{n}dirty_swap"] // PAGE for n in ("", "2_", "15_")] == [PAGES - used] * 3
    assert [found[f"cgroup.b.idle_{n}clean"] // PAGE for n in ("", "2_", "15_", "30_")] == [PAGES] * 3 + [0]
    assert found["cgroup.a.idle_clean"] == found["cgroup.b.idle_dirty_swap"] == found["cgroup.empty.idle_clean"] == 0
    assert found["idle_clean"] == PAGES * PAGE and found["idle_dirty_swap"] == (PAGES - used) * PAGE
    assert tuple(next(a for a in range(256) if idle.bucket(a) == b) for b in range(8)) == idle_stats.BOUNDS


def test_classes_say_what_reclaim_would_have_to_write(resident: Run):
    m, frames = resident.m, resident.built.memory.table("frames")
    cases = {
        LRU | ANON: idle.IDLE_DIRTY_SWAP, LRU | ANON | SWAPCACHE: idle.IDLE_CLEAN,
        LRU | ANON | SWAPCACHE | DIRTY: idle.IDLE_DIRTY_SWAP, LRU: idle.IDLE_CLEAN, LRU | DIRTY: idle.IDLE_DIRTY_FILE,
    }  # fmt: skip
    pfn = frame(resident.built, 9)
    before = int(frames["state"][pfn])
    for state, wanted in cases.items():
        frames["state"][pfn] = state
        assert idle.class_of(m, pfn, 0) == wanted
    frames["state"][pfn] = LRU
    assert idle.class_of(m, pfn, 1) == idle.IDLE_DIRTY_FILE, "a dirty word counts before the frame knows of it"
    frames["state"][pfn] = before


def test_the_bitmap_tells_what_was_used_between_write_and_read():
    """Rounds of 1 s: a page touched in every round keeps age 0, one touched in the first three grows from then on."""
    events = [reads(range(PAGES))]
    for second in range(7):
        events += [compute(S // 2), reads([1]), reads([2] if second < 3 else [1]), compute(S // 2)]
    done = run(watched("idle-bitmap", interval_ms=1000), np.concatenate(events))
    rounds = int(scanners(done.m)[0].rounds)
    ages = {page: int(done.built.memory.table("idle_age")[frame(done.built, page)]) for page in (1, 2, 3)}
    assert rounds >= 6 and ages[1] == 0 and ages[2] == rounds - 3 and ages[3] == rounds - 1


def test_pages_off_the_lists_are_passed_over(resident: Run):
    """One page waits in the CPU's lru_add batch: the bitmap does not see it."""
    done = run(watched("idle-bitmap", interval_ms=100), np.concatenate([reads(range(PAGES + 1)), compute(S)]))
    states = done.built.memory.table("frames")["state"]
    assert states[frame(done.built, 3)] & IDLE and not states[frame(done.built, PAGES)] & (IDLE | LRU)


@pytest.mark.parametrize(("variant", "params"), [("kstaled", {"scan_ms": 500}), ("idle-bitmap", {"interval_ms": 500})])
def test_scanning_costs_in_proportion_to_memory(variant: str, params: dict[str, int]):
    """One, two, four times the memory, eight tenths of it in use: wake-ups aside, time a round grows in proportion."""
    a_round = []
    for size in (16, 32, 64):
        used = size * 256 * 8 // 10
        cell = watched(variant, size=size, **params)
        done = run(cell, np.concatenate([reads(range(used)), compute(5 * S)]), check=False)
        wakes = 1500 if variant == "kstaled" else 0
        a_round.append(done.metrics["idle_scan_ns"] / int(scanners(done.m)[0].rounds) - wakes)
    assert a_round[1] / a_round[0] == pytest.approx(2, rel=0.06) and a_round[2] / a_round[1] == pytest.approx(
        2, rel=0.06
    )
    assert a_round[2] / (64 * 256) == pytest.approx(0.8 * 150 * (1 if variant == "kstaled" else 2), rel=0.12)


def test_the_truth_is_when_frames_were_touched():
    """Mapped, read and written pages alike; pages read ahead or mapped around a fault count as untouched."""
    cell = watched("kstaled", FILE, cold_after=S, scan_ms=500)
    events = np.concatenate([reads([0]), compute(4 * S), writes([40]), compute(S // 4), reads([41])])
    built = run(cell, events).built
    when = built.memory.table("last_touch")
    assert when[frame(built, 0)] == truth.stamp(0) or when[frame(built, 0)] < truth.stamp(MS)
    assert when[frame(built, 1)] == 0, "fault-around mapped it, nobody used it"
    assert when[frame(built, 40)] == truth.stamp(4 * S) or abs(when[frame(built, 40)] - truth.stamp(4 * S)) <= 1
    assert truth.truly_hot(built.memory.m, frame(built, 41)) and not truth.truly_hot(built.memory.m, frame(built, 0))


def test_judgement_agrees_with_a_count_by_hand():
    rng = np.random.default_rng(4)
    events = np.concatenate([reads(range(900)), *([reads(rng.integers(0, 300, 40)), compute(S // 4)] * 40)])
    built = run(watched("kstaled", cold_after=2 * S, scan_ms=1000), events).built
    m = built.memory.m
    vm = idle_count(m)
    before = {name: int(vm[name]) for name in ("ws_true", "ws_estimated", "cold_found", "cold_missed", "cold_false")}
    m.now, scanners(m)[0].judged = 10 * S, 0
    truth.judge(m, 0, 0, int(geometry(m).nr_frames), 2)
    listed = (built.memory.table("frames")["state"] & LRU) != 0
    hot = built.memory.table("last_touch").astype(np.int64)[listed] > ((8 * S) >> 20) + 1
    called = built.memory.table("idle_age")[listed] < 2
    found = {name: int(vm[name]) - count for name, count in before.items()}
    assert found == {
        "ws_true": hot.sum(), "ws_estimated": called.sum(), "cold_found": (~hot & ~called).sum(),
        "cold_missed": (~hot & called).sum(), "cold_false": (hot & ~called).sum(),
    }  # fmt: skip
    assert 0 < hot.sum() < listed.sum()


def test_built_for_idle_tracking_only_when_it_is_wanted():
    assert len(machine_of(one("6.18", machine(16))).memory.table("last_touch")) == 0


def test_without_the_young_flag_reclaim_loses_the_reference(resident: Run):
    m, frames, words = resident.m, resident.built.memory.table("frames"), resident.built.memory.table("pte")
    pfn = frame(resident.built, 11)
    words[int(frames["owner"][pfn])] |= PTE_YOUNG
    frames["state"][pfn] &= ~YOUNG
    idle_settings(m).lose_young = 1
    assert idle.clear_references(m, pfn) & 1 and rmap.referenced(m, pfn) == 0
    idle_settings(m).lose_young = 0


@pytest.mark.parametrize(("young_flag", "kept"), [(True, True), (False, False)])
def test_a_scanner_that_forgets_young_bits_makes_reclaim_forget_pages(young_flag: bool, kept: bool):
    """Under pressure, scanned every 10 ms: with the flag the hot pages are activated as without a scanner."""
    rng = np.random.default_rng(2)
    steps = [[reads(rng.integers(0, 900, 600)), reads(range(at, at + 150)), compute(20 * MS)]
             for at in range(1000, 10_000, 150)]  # fmt: skip
    hot = np.concatenate([part for step in steps for part in step])
    host = machine(16, swap=ZRAM)
    found = {}
    for name, policy in (
        ("none", {}),
        ("kstaled", {"idle": Variant(variant="kstaled", params={"scan_ms": 10, "young_flag": young_flag})}),
    ):
        found[name] = run(one("6.18", host, policy=policy), hot).metrics["pgactivate"]
    assert found["none"] > 100 and (found["kstaled"] > 0.9 * found["none"]) == kept
