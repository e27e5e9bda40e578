"""Queues of memory management and disks: for what one waits in them, and which actors would end it."""

import numpy as np

from mmrun.model.block.state import block_state, disks
from mmrun.model.core.actor import kinds
from mmrun.model.core.state import actors
from mmrun.model.hung_task.wait_graph import Wait, Words
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import ANON, LOCKED, MOVING, SWAPCACHE, WRITEBACK
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.state import wbs
from mmrun.model.net.tcp.state import socks

RESTS = Wait("work", rests=True)
REASONS = ("pages to be written", "dirty pages to be written", "progress of reclaim")  # in the order of reclaim_wait


def waits(built: Built) -> dict[str, Words]:
    """In words, by `table.field`."""
    m = built.memory.m
    daemon, flusher = of_kind(built, "node"), of_kind(built, "wb")

    def room(disk: int, _which: int) -> Wait:
        row = disks(m)[disk]
        stands = f"{int(row.nr_allocated):,} of {int(row.nr_requests):,} requests are taken"
        return Wait(f"room in the queue of {disk_name(built, disk)}", why=f"{stands}, {_ends(built)}")

    def page(bucket: int, _which: int) -> Wait:
        return _page(built, bucket)

    def reserves(nid: int, _which: int) -> Wait:
        zone = zones(m)[zones(m)["node"] == nid]
        free, least = int(zone["nr_free"].sum()), int(zone["wmark_min"].sum())
        why = f"{free:,} pages are free, min is {least:,}"
        return Wait(f"half of the reserves of node {nid} to be free", (daemon[nid],), memory=True, why=why)

    def written(file: int, _which: int) -> Wait:
        name = list(built.plan.files)[file] if file < len(built.plan.files) else str(file)
        return Wait(f"pages of the file {name} to be written", tuple(flusher[w] for w in (int(files(m)[file].wb),)
                                                                     if w < len(wbs(m))))  # fmt: skip

    def send_buffer(n: int, _which: int) -> Wait:
        sock = socks(m)[n]
        queued = (
            f"{int(sock.wmem_queued):,} of {int(sock.sndbuf):,} bytes are queued, {int(sock.packets_out):,} packets"
        )
        return Wait(f"room in the send buffer of socket {n}", why=f"{queued} were not acknowledged")

    return {
        "disks.room": room,
        "page_waits": page,
        "pfmemalloc_wait": reserves,
        "files.written": written,
        "congestion": lambda _at, _which: Wait("the queue of some disk to be no longer full"),
        "nodes.reclaim_wait": lambda _at, which: Wait(REASONS[which]),
        "zone_compaction.isolated_wait": lambda _at, _which: Wait("fewer pages to be isolated"),
        "nodes.kswapd_wait": _nothing, "wbs.dwork": _nothing, "kcompactds.wait": _nothing,
        "khugepaged_scan.wait": _nothing, "wires.waiting": _nothing, "socks.senders": send_buffer,
        "socks.receivers": lambda n, _which: Wait(f"what socket {n} is to receive"),
    }  # fmt: skip


def _nothing(_at: int, _which: int) -> Wait:
    return RESTS


def of_kind(built: Built, per: str) -> list[int]:
    """The actors of a kind, by the number of what they are for."""
    kind = kinds(built.plan.actors).index(per)
    return [int(who) for who in np.flatnonzero(actors(built.memory.m)["kind"] == kind)]


def disk_name(built: Built, disk: int) -> str:
    """A disk's name; of a client's end of a swap area on a server, the area's."""
    if disk < len(built.disks):
        return built.disks[disk]
    return next((built.swaps[a] for a, area in enumerate(swaps(built.memory.m)) if area.disk == disk), f"disk {disk}")


def _ends(built: Built) -> str:
    """Whether anything is about to end at all."""
    count = int(block_state(built.memory.m).nr_io)
    return f"{count:,} are about to end" if count else "none is about to end"


def _page(built: Built, bucket: int) -> Wait:
    """A page whose number falls into a queue: those that have what one may wait for."""
    m = built.memory.m
    table = built.memory.table("page_waits")
    state = np.asarray(frames(m)["state"])
    own = np.flatnonzero((state & (LOCKED | MOVING | WRITEBACK) > 0) & (np.arange(len(state)) % len(table) == bucket))
    if not len(own):
        return Wait("a page")
    what = state[own[0]]
    verb = "written" if what & WRITEBACK else "read" if what & LOCKED else "moved"
    which = f"page {int(own[0])}" if len(own) == 1 else f"one of {len(own)} pages"
    return Wait(f"{which} to be {verb}{_where(built, int(own[0]), int(what))}", why=_ends(built))


def _where(built: Built, pfn: int, what: int) -> str:
    m, slot = built.memory.m, int(frames(built.memory.m)[pfn].slot)
    if what & SWAPCACHE and slot:
        area = max((a for a, row in enumerate(swaps(m)) if row.first <= slot - 1), default=None)
        return f" in the swap area {built.swaps[area]}" if area is not None else ""
    if what & ANON or slot >= len(built.plan.files):
        return ""
    return f" in the file {list(built.plan.files)[slot]}"
