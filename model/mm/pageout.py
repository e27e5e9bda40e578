"""Writes that reclaim starts: they wait in its plug, where adjacent pages become one request (blk_start_plug, 3.1).

The plug is emptied when its reclaimer is done with a lruvec or sleeps, when 32 requests (16 to 5.15) wait in it, or
when the next request follows one of 128 KiB. Until then the disk has not even seen the pages, so they are back on their
list before their writes end.

Where a queue is full, kswapd sleeps with the rest in its plug (`plug_waits`: since when) and looks again at the end of
every request; a task, whose reclaim is done in one go, lets the time pass on the spot.
"""

from model.block.completions import next_completion
from model.block.disk import full_queue, submit_remote_write, submit_write, write_congested
from model.jit import caller, files, frames, kernel, tasks
from model.layout import MAX_NODES, NONE, PLUG_PAGES
from model.mm.dirty import count_writeback
from model.mm.extents import block_of, pages_in_place
from model.mm.state import ANON, DIRTY, IO_NORMAL, IO_URGENT, RECLAIM, SWAP_NFS, SWAP_PARTITION, SWAP_ZRAM, WRITEBACK
from model.mm.swap import area_of

finish_writes = caller("finish_writes")

FULL_PAGES = 32  # BLK_PLUG_FLUSH_SIZE
REQUEST_PAGES = 128  # BLK_MAX_SEGMENTS: every page is a segment


@kernel
def adjacent(m, before, pfn):
    """Whether the page's place on its disk follows that of the page before."""
    a, b = frames(m)[before], frames(m)[pfn]
    if (a.state ^ b.state) & ANON:
        return False
    if b.state & ANON:
        return b.slot == a.slot + 1 and area_of(m, a.slot - 1) == area_of(m, b.slot - 1)
    return b.slot == a.slot and b.owner == a.owner + 1 and pages_in_place(m, a.slot, a.owner) > 1


@kernel
def may_write_to_queue(m, s, disk):
    """Whether the reclaimer may write: kswapd always, others to a congested queue only if they are writing to it.

    Asked for files alone: swap has a backing_dev_info of its own, which no queue ever marks congested.
    """
    return m.sc[s].kswapd or not write_congested(m, disk) or m.clock.writing_to == disk + 1


@kernel
def _wait_for_room(m, s, disk):
    """The reclaimer sleeps until the disk's queue takes a request (get_request)."""
    began = m.clock.now
    purpose = IO_URGENT if m.sc[s].kswapd else IO_NORMAL
    while full_queue(m, disk, purpose, NONE) != NONE and m.clock.nr_io:
        m.clock.now = max(m.clock.now, next_completion(m))
        finish_writes(m)
    m.vm.reclaim_queue_ns += m.clock.now - began
    if m.clock.task != NONE:
        tasks(m)[m.clock.task].stat.stall_request_ns += m.clock.now - began


@kernel
def _send(m, s, pfn, count):
    """Submit one request for `count` pages from the frame's place on."""
    page = frames(m)[pfn]
    if not page.state & ANON:
        _wait_for_room(m, s, files(m)[page.slot].disk)
        submit_write(m, files(m)[page.slot].disk, page.slot, page.owner, count, block_of(m, page.slot, page.owner))
        return
    slot = page.slot - 1
    a = m.swaps[area_of(m, slot)]
    block = a.first_block + slot - a.first
    if a.kind == SWAP_PARTITION:
        _wait_for_room(m, s, a.disk)
        submit_write(m, a.disk, NONE, slot, count, block)
    else:
        submit_remote_write(m, a.link, a.disk, slot, count, block, a.out_ns)


@kernel
def _disk_of(m, pfn):
    """The disk whose queue takes the page, NONE if its swap area has none."""
    page = frames(m)[pfn]
    if not page.state & ANON:
        return files(m)[page.slot].disk
    a = m.swaps[area_of(m, page.slot - 1)]
    return a.disk if a.kind == SWAP_PARTITION else NONE


@kernel
def _must_wait(m, s, pfn):
    """Whether the plug is that of the running kswapd and the queue for its next page is full."""
    if s >= MAX_NODES or not m.clock.may_block or m.clock.actor != m.cfg.kswapd_slot + s or m.clock.nr_io == 0:
        return False
    disk = _disk_of(m, pfn)
    return disk != NONE and full_queue(m, disk, IO_URGENT, NONE) != NONE


@kernel
def _keep_rest(m, s, first):
    """kswapd sleeps until a request ends, with its plugged pages from the one at `first` on."""
    sc = m.sc[s]
    for i in range(first, sc.nr_plugged):
        sc.plugged[i - first] = sc.plugged[i]
    sc.nr_plugged -= first
    sc.plug_requests = sc.plug_run = 0
    sc.plug_waits = m.clock.now
    m.clock.blocked_until = max(m.clock.blocked_until, next_completion(m))


@kernel
def _stop_waiting(m, s):
    """Book the time since kswapd met a full queue; whether it had."""
    sc = m.sc[s]
    waited = sc.plug_waits
    if waited:
        m.vm.reclaim_queue_ns += max(0, m.clock.now - waited)
        sc.plug_waits = 0
    return waited > 0


@kernel
def still_waits(m, s):
    """kswapd `s` runs again: it sends what is left in its plug. Whether a queue is still full."""
    if _stop_waiting(m, s):
        unplug(m, s)
    return m.sc[s].plug_waits > 0


@kernel
def unplug(m, s):
    """Send what waits in the plug of scan control `s` to the disks (blk_finish_plug), or till a queue is full."""
    sc, first = m.sc[s], 0
    while first < sc.nr_plugged:
        if _must_wait(m, s, sc.plugged[first]):
            _keep_rest(m, s, first)
            return
        count = 1
        while (
            count < REQUEST_PAGES
            and first + count < sc.nr_plugged
            and adjacent(m, sc.plugged[first + count - 1], sc.plugged[first + count])
        ):
            count += 1
        _send(m, s, sc.plugged[first], count)
        first += count
    sc.nr_plugged = sc.plug_requests = sc.plug_run = 0


@kernel
def unplug_now(m, s):
    """The same with nobody going to sleep in between: time passes on the spot."""
    if _stop_waiting(m, s) and m.clock.actor == m.cfg.kswapd_slot + s:
        m.clock.blocked_until = 0
    may_block, m.clock.may_block = m.clock.may_block, 0
    unplug(m, s)
    m.clock.may_block = may_block


@kernel
def unplug_all(m):
    """Somebody sleeps until a write ends: nothing may wait in a plug."""
    for nid in range(m.cfg.nr_nodes):
        if m.sc[nid].nr_plugged:
            unplug_now(m, nid)
    if m.sc[MAX_NODES].nr_plugged:
        unplug(m, MAX_NODES)


@kernel
def plug(m, s, pfn):
    """Put a page under writeback into the plug of scan control `s`."""
    sc = m.sc[s]
    n = sc.nr_plugged
    if not (n and sc.plug_run < REQUEST_PAGES and adjacent(m, sc.plugged[n - 1], pfn)):
        if sc.plug_requests >= m.cfg.plug_requests or sc.plug_run >= FULL_PAGES:
            unplug(m, s)
        sc.plug_requests, sc.plug_run = sc.plug_requests + 1, 0
    if sc.nr_plugged == PLUG_PAGES:
        unplug_now(m, s)
        sc.plug_requests = 1
    sc.plugged[sc.nr_plugged] = pfn
    sc.nr_plugged += 1
    sc.plug_run += 1


@kernel
def write_out(m, s, pfn):
    """Write a page of the swap cache. 1: done at once (zram); 0: in flight, the frame is under writeback.

    Swap over NFS has no block device, so no plug.
    """
    page = frames(m)[pfn]
    a = m.swaps[area_of(m, page.slot - 1)]
    m.vm.pswpout += 1
    m.vm.nr_vmscan_write += 1
    page.state &= ~DIRTY
    if a.kind == SWAP_ZRAM:
        m.clock.now += a.out_ns
        return 1
    m.clock.now += m.cfg.io_path
    page.state |= WRITEBACK | RECLAIM
    count_writeback(m, pfn, 1)
    if a.kind == SWAP_NFS:
        _send(m, s, pfn, 1)
    else:
        plug(m, s, pfn)
    return 0
