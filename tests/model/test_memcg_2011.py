"""The memory controller of 2011: two lists a page, victims in css id order, soft limits, and the patch set after it."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model import check
from mmrun.model.build import Built
from mmrun.model.core.events import exits
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Cgroup, Disk, Region, Variant
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.memcg import soft_tree, victims
from mmrun.model.mm.memcg.state import memcg_count, memcg_settings, memcg_state
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.units import MS, PAGE, KiB, MiB
from tests.model.actors import Entered, own_scan_of
from tests.model.cells import (
    ANON,
    OWN_CPUS,
    ZRAM,
    given,
    machine,
    machine_of,
    mapped_frame,
    on_list,
    reads,
    run,
    sampled,
    writes,
)

READ = Region(kind="file", access="read", readahead=0)
TWO = {"a": Cgroup(), "b": Cgroup()}


def pair(kernel: str, host=None, *, region: Region = ANON, groups=None, **more) -> Cell:
    """Tasks `a` and `b`, each in the group of its name."""
    tasks = {name: given(region, cgroup=name) for name in ("a", "b")}
    return Cell(kernel=kernel, machine=host or machine(16, swap=ZRAM), tasks=tasks, cgroups=groups or TWO, **more)


def own_list(built: Built, memcg: int, zone: int, lru: int) -> list[int]:
    """Frames on a group's own list through their page_cgroups, newest first."""
    links, vec = built.memory.table("page_cgroup"), memcg * int(geometry(built.memory.m).nr_zones) + zone
    at, found = int(built.memory.table("lruvecs")[vec].lists[lru].head), []
    while at != NONE:
        found.append(at)
        at = int(links["next"][at])
    return found


@pytest.mark.parametrize("limit", [None, MiB])
def test_a_groups_list_is_the_zones_list_without_the_others_pages(limit):
    """Both lists see every move, so they agree in order too, under global reclaim as under a limit."""

    def differences(built: Built) -> int:
        groups = built.memory.table("frames")["memcg"]
        return sum(
            own_list(built, memcg, 0, lru) != [pfn for pfn in on_list(built, 0, lru) if groups[pfn] == memcg]
            for memcg in (1, 2)
            for lru in range(4)
        )

    cell = pair("3.1", groups={"a": Cgroup(max=limit), "b": Cgroup()}, sampling=sampled(500))
    events = {"a": np.tile(writes(range(900)), 3), "b": np.tile(writes(range(3600)), 2)}
    done = run(cell, events, probe=differences)
    assert not any(done.seen) and len(done.seen) > 15
    assert done.metrics["pgsteal_direct"] + done.metrics["pgsteal_kswapd"] > 1000 and done.metrics["pgrefill"] > 1000
    assert sum(len(own_list(done.built, memcg, 0, lru)) for memcg in (1, 2) for lru in range(4)) > 2000


@pytest.mark.parametrize(("kernel", "groups", "share"), [("3.1", 1, 32), ("3.3", 1, 16), ("6.18", 1, 0), ("3.1", 0, 0)])
def test_page_cgroups_take_memory_from_the_machine(kernel, groups, share):
    """4096 frames of 32 B are 32 pages (0.78 %), of 16 B 16 pages (0.39 %); the zone's size and marks do not change."""
    cell = Cell(kernel=kernel, machine=machine(16), tasks={"t": given()}, cgroups={"g": Cgroup()} if groups else {})
    built, bare = machine_of(cell), machine_of(replace(cell, cgroups={}))
    zone = zones(built.memory.m)[0]
    assert int(zone.managed) - int(zone.nr_free) == share == int(memcg_count(built.memory.m).page_cgroup_pages)
    assert int(zone.wmark_low) == int(zones(bare.memory.m)[0].wmark_low)
    assert int((built.memory.table("frames")["state"] & state.KERNEL != 0).sum()) == share
    assert len(built.memory.table("page_cgroup")) == (4096 if share == 32 else 0)


def test_page_cgroups_were_larger_until_2_6_38_and_lie_on_their_own_node():
    policy = {"memcg": Variant(variant="double-lru", params={"page_cgroup_bytes": 40})}
    built = machine_of(Cell(kernel="3.1", machine=machine(16, 32), tasks={"t": given()}, cgroups=TWO, policy=policy))
    taken = [int(zone.managed) - int(zone.nr_free) for zone in zones(built.memory.m)[:2]]
    assert taken == [40, 80]


def shares(kernel: str) -> list[int]:
    """Pages reclaimed from two groups that read a file once each, the second group after the first."""
    cell = pair(kernel, machine(16), region=READ)
    cell = replace(cell, tasks=cell.tasks | {"b": replace(cell.tasks["b"], start=10**9)})
    found = run(cell, {"a": reads(range(2000)), "b": reads(range(2600))}).metrics
    return [int(found[f"cgroup.{name}.pgsteal"]) for name in "ab"]


def test_global_reclaim_of_3_1_takes_the_oldest_page_whoever_has_it():
    first, second = shares("3.1")
    assert first > 500 and second == 0


def test_global_reclaim_of_3_3_takes_from_every_group_in_proportion():
    first, second = shares("3.3")
    assert min(first, second) > 150


def test_victims_come_in_css_id_order_not_in_tree_order():
    groups = {"p": Cgroup(), "x": Cgroup(parent="p"), "y": Cgroup(parent="p"), "z": Cgroup(parent="x"), "q": Cgroup()}
    built = machine_of(Cell(kernel="3.1", machine=machine(16), tasks={"t": given()}, cgroups=groups))
    assert built.cgroups == ["", "p", "x", "z", "y", "q"], "numbers are in pre-order"
    taken = [built.cgroups[victims.next_by_css(built.memory.m, 1)] for _ in range(9)]
    assert taken == ["p", "x", "y", "z", "p", "x", "y", "z", "p"]
    below = [built.cgroups[victims.next_by_css(built.memory.m, 2)] for _ in range(3)]
    assert below == ["x", "z", "x"], "every root remembers its own last child"


def test_a_full_parent_takes_32_pages_from_one_child_after_the_other():
    groups = {"p": Cgroup(max=2 * MiB), "a": Cgroup(parent="p"), "b": Cgroup(parent="p")}
    cell = replace(pair("3.1", machine(16), region=READ, groups=groups), policy=OWN_CPUS)
    found = run(cell, {"a": reads(range(1500)), "b": reads(range(1500))}).metrics
    first, second = (int(found[f"cgroup.{name}.pgsteal"]) for name in "ab")
    assert first + second > 2000 and abs(first - second) <= 96, "equal turns, whoever asks"


def test_nodes_of_a_group_take_turns_and_the_mask_is_refreshed_after_1024_pages():
    host = machine(16, 16)
    cell = Cell(kernel="3.1", machine=host, tasks={"t": given(READ, cgroup="a", node=1)}, cgroups=TWO)
    built = run(cell, reads(range(300))).built
    m = built.memory.m
    cpus(m)[0].n = 0
    assert int(built.memory.table("memcgs")[1].numainfo_events) == 1, "the first page of a CPU is an event"
    assert [victims.next_node(m, 1) for _ in range(3)] == [1, 1, 1]
    moved = built.memory.table("lruvecs")
    moved[2].lists[2], moved[3].lists[2] = moved[3].lists[2].copy(), moved[2].lists[2].copy()
    assert victims.next_node(m, 1) == 1, "nobody looks before enough has happened"
    moved[3].lists[2].n = 1
    for _ in range(2 * 1024):
        victims.page_event(m, 1, 0, 1)
    assert [victims.next_node(m, 1) for _ in range(3)] == [0, 1, 0]


def soft_machine(kernel: str = "3.1") -> Built:
    return machine_of(pair(kernel, groups={name: Cgroup(soft_limit=100 * 4 * KiB) for name in "ab"}))


def test_a_groups_place_on_the_tree_is_renewed_every_1024_pages_when_the_128_page_check_is_due():
    built = soft_machine()
    m, rows = built.memory.m, built.memory.table("memcgs")
    rows[1].usage = 150
    renewed = []
    for event in range(1, 2100):
        before = int(memcg_state(m).soft_order)
        victims.page_event(m, 1, 0, 1)
        if int(memcg_state(m).soft_order) != before:
            renewed.append(event)
    # The fast check is due at 1, 130, 259, ...: the first one past 1 + 1024 is 1033, the first past 1033 + 1024 2065.
    assert renewed == [1, 1033, 2065]


def test_the_largest_entered_excess_goes_first_and_the_last_entered_among_equals():
    built = soft_machine()
    m, rows, nodes = built.memory.m, built.memory.table("memcgs"), built.memory.table("soft_nodes")
    rows[1].usage, rows[2].usage = 150, 160
    for memcg in (1, 2):
        soft_tree.update_tree(m, memcg, 0)
    assert [int(node.excess) for node in nodes[1:3]] == [50, 60]
    rows[1].usage = 900  # not entered anew: the tree does not know
    assert [soft_tree.take_largest(m, 0, 0) for _ in range(3)] == [2, 1, -1]
    rows[1].usage = 160
    for memcg in (2, 1):
        soft_tree.update_tree(m, memcg, 0)
    assert soft_tree.take_largest(m, 0, 0) == 1
    rows[2].usage = 90
    assert soft_tree.take_largest(m, 0, 0) == -1, "no longer over its limit, whatever was entered"


def soft_limit_reclaim(built: Built, zone: int) -> int:
    """What one call takes on behalf of a task's reclaim of a zone."""
    sc = built.memory.table("scans")[own_scan_of(0)]
    sc.node, sc.zone, sc.kswapd, sc.nr_reclaimed = 0, zone, 0, 0
    Entered(built, 0, "soft_limit_reclaim", own_scan_of(0)).to_the_end()
    return int(sc.nr_reclaimed)


@pytest.mark.parametrize(
    ("kernel", "pages", "taken"), [("3.1", 3000, 736), ("3.3", 3000, 736), ("3.1", 15000, 3200), ("3.3", 15000, 3232)]
)
def test_one_call_takes_a_quarter_of_the_excess_or_a_hundred_rounds(kernel, pages, taken):
    """Whoever wants 32 pages takes 736 here: the over-reclaim of soft limits. Rounds end later by one in 3.3."""
    groups = {"a": Cgroup(soft_limit=64 * 4 * KiB), "b": Cgroup()}
    cell = Cell(kernel=kernel, machine=machine(128), tasks={"t": given(READ, cgroup="a")}, cgroups=groups)
    built = run(cell, reads(range(pages))).built
    m = built.memory.m
    excess = int(built.memory.table("memcgs")[1].usage) - 64
    soft_tree.update_tree(m, 1, 1)
    lists = built.memory.table("lruvecs")[1 * 2 + 1].lists
    assert int(lists[2].n) > taken
    assert soft_limit_reclaim(built, 1) == taken
    assert taken - 32 < excess // 4 <= taken or taken >= 3200
    assert int(memcg_count(m).soft_steal) == taken and int(reclaim_count(m).pgsteal_direct) == taken
    check.verify(built)


def test_two_groups_that_give_nothing_end_the_call():
    built = soft_machine()
    rows = built.memory.table("memcgs")
    rows[1].usage, rows[2].usage = 150, 160
    for memcg in (1, 2):
        soft_tree.update_tree(built.memory.m, memcg, 0)
    assert soft_limit_reclaim(built, 0) == 0
    rows[1].usage = rows[2].usage = 0


@pytest.mark.parametrize("kernel", ["3.1", "3.3", "6.18"])
def test_a_short_machine_takes_from_whom_is_over_its_soft_limit(kernel):
    groups = {"a": Cgroup(soft_limit=MiB), "b": Cgroup()}
    events = {"a": np.tile(writes(range(1500)), 2), "b": np.tile(writes(range(3000)), 2)}
    found = run(replace(pair(kernel, groups=groups), policy=OWN_CPUS), events).metrics
    plain = run(replace(pair(kernel), policy=OWN_CPUS), events).metrics
    assert found["soft_steal"] > 200 and plain["soft_steal"] == 0
    assert found["soft_scan"] >= found["soft_steal"]
    assert found["cgroup.a.steal_share_ratio"] > plain["cgroup.a.steal_share_ratio"]


@pytest.fixture(scope="module")
def double() -> Built:
    return run(pair("3.1"), {"a": writes(range(300)), "b": writes(range(500))}).built


def test_the_check_sees_a_second_list_out_of_step(double):
    links, pfn = double.memory.table("page_cgroup"), mapped_frame(double, 7)
    before, after = links[pfn].copy(), int(links["next"][pfn])
    links["next"][links["prev"][pfn]], links["prev"][after] = after, before["prev"]
    with pytest.raises(check.Violation, match="miscounts"):
        check.verify(double)
    vec = double.memory.table("lruvecs")[1]
    vec.lists[1].n -= 1
    with pytest.raises(check.Violation, match="one list of the two"):
        check.verify(double)
    vec.lists[1].n += 1
    links["next"][before["prev"]] = links["prev"][after] = pfn
    check.verify(double)


def test_a_page_of_another_group_does_not_belong_on_the_list(double):
    frames, pfn = double.memory.table("frames"), mapped_frame(double, 7)
    frames["memcg"][pfn] = 2
    with pytest.raises(check.Violation, match="out of step"):
        check.verify(double)
    frames["memcg"][pfn] = 1


def one_call(kernel: str, groups: dict[str, Cgroup]) -> int:
    """What a single direct reclaim call for 32 pages takes from a machine that holds two groups' pages."""
    built = run(pair(kernel, machine(128), region=READ, groups=groups), {x: reads(range(3000)) for x in "ab"}).built
    if memcg_settings(built.memory.m).soft_limits:
        soft_tree.update_tree(built.memory.m, 1, 1)
    return Entered(built, 0, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, ALL_NODES).to_the_end()


@pytest.mark.parametrize("kernel", ["3.1", "3.3", "6.18"])
def test_a_soft_limit_makes_a_call_for_32_pages_take_hundreds(kernel):
    assert one_call(kernel, TWO) <= 128
    assert one_call(kernel, {"a": Cgroup(soft_limit=64 * 4 * KiB), "b": Cgroup()}) >= 700


def test_protecting_the_other_group_takes_no_more_than_was_wanted():
    low = {"a": Cgroup(), "b": Cgroup(low=16 * MiB)}
    assert 32 <= one_call("6.18", low) <= 128


def test_a_full_group_tries_five_times_until_5_8_and_sixteen_times_since():
    tries = [
        run(
            Cell(kernel=kernel, machine=machine(16), tasks={"t": given(cgroup="a")}, cgroups={"a": Cgroup(max=MiB)}),
            writes(range(400)),
        ).metrics["cgroup.a.failcnt"]
        for kernel in ("3.1", "6.18")
    ]
    assert tries[1] - tries[0] == 16 - 5


def test_limit_reclaim_writes_file_pages_in_3_1_and_leaves_them_to_the_flusher_since_3_2():
    # A write of its own for every page: a flusher that reclaim has woken waits for the full queue, reclaim does not.
    region = Region(kind="file", access="read", disk="d", fragment=PAGE)
    host = machine(16, disks={"d": Disk(write_latency=MS)})
    found = {
        kernel: run(
            Cell(kernel=kernel, machine=host, tasks={"t": given(region, cgroup="a")}, cgroups={"a": Cgroup(max=MiB)}),
            writes(range(1500)),
        ).metrics
        for kernel in ("3.1", "3.3")
    }
    assert found["3.1"]["nr_vmscan_write"] > 0 == found["3.1"]["nr_vmscan_immediate_reclaim"]
    assert found["3.3"]["nr_vmscan_write"] == 0 < found["3.3"]["nr_vmscan_immediate_reclaim"]


def test_an_exiting_process_leaves_its_files_cached_and_marks_what_it_used():
    """Anonymous pages and swap slots go; a mapped file page that was touched counts as used (zap_pte_range)."""
    regions = Region(size=MiB), Region(kind="file", file="tools", readahead=0, fault_around=4 * KiB)
    cell = Cell(kernel="3.1", machine=machine(16, swap=ZRAM), tasks={"t": given(*regions)})
    once = np.concatenate([writes(range(200)), reads(range(256, 300)), exits()])
    done = run(cell, np.tile(once, 3), footprint=400)
    assert done.metrics["pgfault"] == 3 * 244 and done.metrics["misses"] == 44, "the file is read once"
    assert done.metrics["nr_active_anon"] + done.metrics["nr_inactive_anon"] == 0
    assert done.metrics["pgactivate"] > 0, "what two processes used is worth keeping"
    assert mapped_frame(done.built, 3) is None and mapped_frame(done.built, 260) is None
