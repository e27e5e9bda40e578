"""Queues of memory management and disks: for what one waits in them, and which actors would end it."""

import numpy as np

from mmrun.model.block.state import bios, block_state, disks
from mmrun.model.hung_task.names import disk_name, of_kind, threads_of
from mmrun.model.hung_task.wait_graph import RESTS, Wait, Words
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import ANON, LOCKED, MOVING, SWAPCACHE, WRITEBACK
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.state import wbs

REASONS = ("pages to be written", "dirty pages to be written", "progress of reclaim")  # in the order of reclaim_wait


def waits(built: Built) -> dict[str, Words]:
    """In words, by `table.field`."""
    m = built.memory.m
    daemon, flusher = of_kind(built, "node"), of_kind(built, "wb")

    def room(disk: int, _which: int) -> Wait:
        row = disks(m)[disk]
        stands = f"{int(row.nr_allocated):,} of {int(row.nr_requests):,} requests are taken"
        what = f"room in the queue of {disk_name(built, disk)}"
        return Wait(what, enders=threads_of(built, disk), why=f"{stands}, {_ends(built)}")

    def page(bucket: int, _which: int) -> Wait:
        return _page(built, bucket)

    def reserves(nid: int, _which: int) -> Wait:
        zone = zones(m)[zones(m)["node"] == nid]
        free, least = int(zone["nr_free"].sum()), int(zone["wmark_min"].sum())
        why = f"{free:,} pages are free, min is {least:,}"
        return Wait(f"half of the reserves of node {nid} to be free", enders=(daemon[nid],), memory=True, why=why)

    def written(file: int, _which: int) -> Wait:
        name = list(built.plan.files)[file] if file < len(built.plan.files) else str(file)
        wb = int(files(m)[file].wb)
        return Wait(f"pages of the file {name} to be written", enders=(flusher[wb],) if wb < len(wbs(m)) else ())

    def done(bio: int, _which: int) -> Wait:
        what = "writes or flushes of a disk to end"
        return Wait(f"{int(bios(m)[bio].left)} {what}", what, why=_ends(built))

    return {
        "disks.room": room,
        "bios.done": done,
        "page_waits": page,
        "pfmemalloc_wait": reserves,
        "files.written": written,
        "congestion": lambda _at, _which: Wait("the queue of some disk to be no longer full"),
        "nodes.reclaim_wait": lambda _at, which: Wait(REASONS[which]),
        "zone_compaction.isolated_wait": lambda _at, _which: Wait("fewer pages to be isolated"),
        "nodes.kswapd_wait": _nothing, "wbs.dwork": _nothing, "kcompactds.wait": _nothing,
        "khugepaged_scan.wait": _nothing, "zswap_state.wait": _nothing,
    }  # fmt: skip


def _nothing(_at: int, _which: int) -> Wait:
    return RESTS


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
    where, enders = _where(built, int(own[0]), int(what))
    return Wait(f"{which} to be {verb}{where}", f"pages to be {verb}{where}", enders, why=_ends(built))


def _where(built: Built, pfn: int, what: int) -> tuple[str, tuple[int, ...]]:
    """Where a page lies, in words, and who serves that."""
    m, slot = built.memory.m, int(frames(built.memory.m)[pfn].slot)
    if what & SWAPCACHE and slot:
        area = max((a for a, row in enumerate(swaps(m)) if row.first <= slot - 1), default=None)
        if area is not None:
            return f" in the swap area {built.swaps[area]}", threads_of(built, int(swaps(m)[area].disk))
    if what & ANON or slot >= len(built.plan.files):
        return "", ()
    return f" in the file {list(built.plan.files)[slot]}", ()
