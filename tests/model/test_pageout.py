"""Writes of reclaim: the plug, its requests, what ends a write; swap-in by era."""

import numpy as np
import pytest

from mmrun.model.block.state import block_state, disks
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Cgroup, Disk, Region
from mmrun.model.mm.page.flags import ANON, SWAPCACHE, WRITEBACK
from mmrun.model.mm.page.gfp import GFP_NOFS, GFP_NOIO
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.reclaim.state import PLUG_PAGES
from mmrun.model.mm.swap.state import swap_count
from mmrun.model.mm.writeback.plug import FULL_PAGES, REQUEST_PAGES, plug, unplug
from mmrun.model.units import KiB, MiB
from tests.model.actors import Entered, life
from tests.model.cells import machine, machine_of, one, reads, run, with_swap, writes

TASK = 0


@life
def put(m, pfn):
    """The running task's reclaim writes a page."""
    plug(m, pfn)
    return 0


@life
def sleep_over_it(m, number):
    """The running task's reclaim sends what it has."""
    unplug(m)
    return 0


def plugged(slots: list[int], era: str = "6.18") -> tuple[list[int], int]:
    """Pages of each request that was sent while these swap slots were plugged one by one, and what still waits."""
    built = machine_of(one(era, machine(16, **with_swap("partition", 64 * MiB))))
    m, frames = built.memory.m, built.memory.table("frames")
    disks(m)[0].most_writes[:] = 10**6  # the plug's own limits are asked for, not the queue's
    sizes = []
    for pfn, slot in enumerate(slots):
        frames[pfn].slot, frames[pfn].state = slot + 1, ANON | SWAPCACHE | WRITEBACK
        before = pages_in_flight(built), int(disks(m)[0].writes)
        assert Entered(built, TASK, put, pfn).until == 0
        sizes += sent(built, *before)
    return sizes, int(built.memory.table("plugs")[TASK].n)


def sent(built, pages: int, requests: int) -> list[int]:
    """Pages per request sent since, on average where there were several."""
    count = int(disks(built.memory.m)[0].writes) - requests
    return [(pages_in_flight(built) - pages) // count] * count if count else []


def pages_in_flight(built) -> int:
    """Pages of all requests that have been sent."""
    return int(built.memory.table("requests")["pages"][: int(block_state(built.memory.m).request_rows)].sum())


def test_adjacent_slots_are_one_request_of_at_most_128_pages():
    assert plugged(list(range(REQUEST_PAGES))) == ([], REQUEST_PAGES)
    assert plugged(list(range(REQUEST_PAGES + 1))) == ([REQUEST_PAGES], 1)


def test_a_request_of_128_kib_is_sent_when_another_follows():
    run_of = list(range(FULL_PAGES))
    assert plugged([*run_of, 1000]) == ([FULL_PAGES], 1)
    assert plugged([*run_of[1:], 1000]) == ([], FULL_PAGES)


@pytest.mark.parametrize(("era", "most"), [("6.18", 32), ("3.1", 16)])
def test_one_request_more_sends_those_before_it(era, most):
    assert plugged(list(range(0, 2 * most, 2)), era) == ([], most)
    assert plugged(list(range(0, 2 * most + 2, 2)), era) == ([1] * most, 1)


def test_a_plug_never_overflows():
    rng = np.random.default_rng(7)
    slots = np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 2], 3000))
    sizes, left = plugged(slots.tolist())
    assert sum(sizes) + left <= 3000 and left <= PLUG_PAGES
    assert max(sizes) <= REQUEST_PAGES


def test_unplugging_sends_everything_in_order():
    built = machine_of(one("6.18", machine(16, **with_swap("partition", 64 * MiB))))
    m, frames = built.memory.m, built.memory.table("frames")
    for pfn, slot in enumerate([5, 6, 7, 100, 101]):
        frames[pfn].slot, frames[pfn].state = slot + 1, ANON | SWAPCACHE | WRITEBACK
        Entered(built, TASK, put, pfn)
    plug_of_it = built.memory.table("plugs")[TASK]
    assert (int(disks(m)[0].nr_plugged), int(plug_of_it.requests)) == (2, 2)
    Entered(built, TASK, sleep_over_it)
    assert (int(disks(m)[0].writes), pages_in_flight(built), int(plug_of_it.n)) == (2, 5, 0)
    assert (int(disks(m)[0].nr_plugged), int(plug_of_it.requests)) == (0, 0)
    ends = built.memory.table("io")["at"][:2]
    assert len(set(ends.tolist())) == 2


def swapped_in(era: str, accesses: np.ndarray):
    """A group that once used twice its limit, then comes back to its first pages."""
    host = machine(32, **with_swap("partition", 16 * MiB))
    cell = one(era, host, cgroups={"g": Cgroup(max=MiB)})
    return run(cell, np.concatenate([writes(range(500)), accesses]))


def test_reading_back_and_then_writing_faults_twice_until_6_11():
    """The first write to a page swapped in by a read is a fault of its own while swap-in maps it read-only."""
    pages = range(8)
    alone = {era: swapped_in(era, reads(pages)).metrics for era in ("6.1", "6.18")}
    both = {era: swapped_in(era, np.concatenate([reads(pages), writes(pages)])).metrics for era in ("6.1", "6.18")}
    assert both["6.1"]["minor_faults"] == alone["6.1"]["minor_faults"] + 8
    assert both["6.18"]["minor_faults"] == alone["6.18"]["minor_faults"]
    assert both["6.18"]["pgmajfault"] == alone["6.18"]["pgmajfault"] > 0


@pytest.mark.parametrize("era", ["3.1", "3.6"])
def test_neighbours_of_a_slot_are_read_in_one_request_since_3_6(era):
    """The aligned block of eight slots is read at the price of eight pages, not of one; before, a request a page."""
    blocks = reads(range(0, 64, 8))
    done = swapped_in(era, blocks)
    read = int(done.metrics["pswpin"])
    assert done.metrics["swap_ra"] > 0 and read == done.metrics["pgmajfault"] + done.metrics["swap_ra"]
    assert int(disks(done.m)[0].reads) == (read if era == "3.1" else done.metrics["pgmajfault"])
    disk, channel = disks(done.m)[0], done.built.memory.table("servers")[disks(done.m)[0].channel]
    moved = read * disk.read_page_ps + done.metrics["pswpout"] * disk.write_page_ps
    assert abs(int(channel.busy_ns) - moved // 1000) <= disk.reads + disk.writes, "but for rounding of each request"


def test_reclaim_that_meets_only_dirty_pages_waits_for_the_flusher():
    """The throttled group's pages are written by the flusher in long runs, not one by one."""
    host = machine(32, disks={"d": Disk()})
    cell = one("6.18", host, Region(kind="file", disk="d", fault_around=4 * KiB), cgroups={"g": Cgroup(max=MiB)})
    done = run(cell, writes(range(1000)))
    assert done.metrics["outcome"] == "ok"
    assert done.metrics["nr_written"] > 700
    assert done.metrics["nr_written"] > 8 * int(disks(done.m)[0].writes)
    assert done.metrics["elapsed_ns"] < 3_000_000_000


@pytest.mark.parametrize("era", ["3.1", "3.15", "4.19", "6.18", "6.18+mglru"])
def test_reclaim_without_io_writes_nothing_to_swap(era):
    """An allocation with GFP_NOIO, as one on the way of such a write, may take clean pages only (shrink_page_list)."""
    done = run(one(era, machine(32, **with_swap("partition", 64 * MiB))), writes(np.arange(4_000)))
    written = swap_count(done.m).pswpout
    Entered(done.built, 0, "direct_reclaim", 0, GFP_NOIO, ALL_NODES).to_the_end()
    assert swap_count(done.m).pswpout == written
    other = Entered(done.built, 0, "direct_reclaim", 0, GFP_NOFS, ALL_NODES)
    while 0 < other.until < FOREVER:  # it may have to wait for what it wrote
        other.go_on(max(other.until, int(done.m.now)))
    assert swap_count(done.m).pswpout > written
