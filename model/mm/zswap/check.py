"""Every entry has its slot, its place in the pool, its slab, list and charge; the pool has the frames it says."""

import numpy as np

from mmrun.model.core.law import chain, occupied, require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import KERNEL
from mmrun.model.mm.zswap.entry import ENTRIES
from mmrun.model.mm.zswap.place import is_on
from mmrun.model.mm.zswap.state import COMPRESSED, NOTHING, SAME_FILLED, zswap_settings, zswap_state
from mmrun.model.mm.zswap.zpool import CHUNKS, FULL, GROUPS
from mmrun.model.units import PAGE


def verify(built: Built, seen: np.ndarray) -> None:
    """Check entries, pool, lists, charges."""
    if not is_on(built.plan):
        return
    entries = built.memory.table("zswap_entries")
    stored = (entries["kind"] == COMPRESSED) | (entries["kind"] == SAME_FILLED)
    used = built.memory.table("swapmap") > 0
    require(not ((entries["kind"] != NOTHING) & ~used).any(), lambda: "zswap keeps something for a free slot")
    _counts(built, entries, stored)
    _pool(built, entries)
    _slabs(built, entries, stored)
    _lists(built, entries)
    _charges(built, entries, stored)


def _counts(built: Built, entries: np.ndarray, stored: np.ndarray) -> None:
    state = zswap_state(built.memory.m)
    kept, filled = int(stored.sum()), int((entries["kind"] == SAME_FILLED).sum())
    require(kept == state.stored, lambda: f"zswap counts {state.stored} pages, has {kept}")
    require(filled == state.same_filled, lambda: f"zswap counts {state.same_filled} filled pages, has {filled}")
    require((entries["length"][entries["kind"] == COMPRESSED] > 0).all(), lambda: "a compressed page takes no room")
    require((entries["zspage"] > 0).sum() == (entries["kind"] == COMPRESSED).sum(),
            lambda: "a compressed page is in no zspage, or another page is in one")  # fmt: skip


def _pool(built: Built, entries: np.ndarray) -> None:
    """Objects of each zspage are the entries that name it; its frames are the pool's; it stands where it should."""
    m, frames, rows = built.memory.m, built.memory.table("frames"), built.memory.table("zspages")
    objects = np.bincount(entries["zspage"][entries["zspage"] > 0] - 1, minlength=len(rows))
    live = rows["first"] != NONE
    require((objects[live] == rows["inuse"][live]).all(), lambda: "a zspage miscounts its objects")
    require((objects[live] > 0).all() and not objects[~live].any(), lambda: "a zspage is empty, or gone and in use")
    found, zsmalloc, classes = 0, bool(zswap_settings(m).zsmalloc), built.memory.table("size_classes")
    for at in np.flatnonzero(live):
        pfn, pages = int(rows[at].first), 0
        while pfn != NONE and pages <= 8:
            require(frames["state"][pfn] == KERNEL, lambda pfn=pfn: f"frame {pfn} of the pool is in another's use")
            pfn, pages = int(frames["next"][pfn]), pages + 1
        room = int(classes[rows[at].size_class].pages) if zsmalloc else 1
        require(pages == room, lambda at=at, pages=pages: f"zspage {at} has {pages} frames")
        found += pages
    require(found == zswap_state(m).pool, lambda: f"the pool counts {zswap_state(m).pool} frames, has {found}")
    _where(built, live, zsmalloc)


def _where(built: Built, live: np.ndarray, zsmalloc: bool) -> None:
    """A zspage with room is on the list of those like it."""
    rows, classes = built.memory.table("zspages"), built.memory.table("size_classes")
    listed = np.full(len(rows), -1)
    for (number,), head, n in occupied(built.memory.table("zpool_lists")):
        linked = chain(rows, head, n)
        require(len(linked) == n, lambda number=number: f"list {number} of the pool miscounts")
        listed[linked] = number
    require((listed[live] == rows["listed"][live]).all() and (listed[~live] == -1).all(),
            lambda: "a zspage is on another list than it says")  # fmt: skip
    for at in np.flatnonzero(live):
        row = rows[at]
        if zsmalloc:
            full = int(row.inuse) == int(classes[row.size_class].objects)
            right = listed[at] // GROUPS == row.size_class and (listed[at] % GROUPS == FULL) == full
        else:
            left = CHUNKS - int(row.halves[0]) - int(row.halves[1])
            right = left >= 0 and listed[at] == (-1 if (row.halves > 0).all() else left)
        require(bool(right), lambda at=at: f"zspage {at} is not where its room says")


def _slabs(built: Built, entries: np.ndarray, stored: np.ndarray) -> None:
    """Entries fill the slabs they name, all but the full ones of which are listed."""
    m, frames = built.memory.m, built.memory.table("frames")
    require(((entries["slab"] > 0) == stored).all(), lambda: "an entry has no slab, or what is no entry has one")
    filled = np.bincount(entries["slab"][stored] - 1, minlength=len(frames))
    slabs = np.flatnonzero(filled)
    require(len(slabs) == zswap_state(m).slab_pages, lambda: "slabs of entries are miscounted")
    require((frames["slot"][slabs] == filled[slabs]).all() and (filled <= ENTRIES).all(), lambda: "a slab miscounts")
    partial = chain(frames, int(zswap_state(m).slabs.head), int(zswap_state(m).slabs.n))
    require(sorted(partial) == slabs[filled[slabs] < ENTRIES].tolist(), lambda: "slabs with room are not listed")


def _lists(built: Built, entries: np.ndarray) -> None:
    """Every compressed page stands on the list of its group and node, once."""
    by_group, seen = bool(zswap_settings(built.memory.m).zswap_by_group), np.zeros(len(entries), dtype=np.int64)
    for number, row in enumerate(built.memory.table("zswap_lruvecs")):
        linked = np.array(chain(entries, int(row.lru.head), int(row.lru.n)), dtype=np.int64)
        require(len(linked) == row.lru.n, lambda number=number: f"list {number} of zswap miscounts")
        seen[linked] += 1
        own = entries["memcg"][linked].astype(np.int64) * built.plan.nodes + entries["node"][linked]
        require((own == number).all() or not by_group, lambda number=number: f"list {number} has another's entry")
    require((seen == (entries["kind"] == COMPRESSED)).all(), lambda: "an entry is on no list, or on two")


def _charges(built: Built, entries: np.ndarray, stored: np.ndarray) -> None:
    """Groups have what their entries say, and pay for the pages that these fill, with one to spare at most."""
    rows, charged = built.memory.table("zswap_groups"), bool(zswap_settings(built.memory.m).zswap_charged)
    own = np.bincount(entries["memcg"][stored], weights=entries["length"][stored], minlength=len(rows)).astype(np.int64)
    count = np.bincount(entries["memcg"][stored], minlength=len(rows))
    require((rows["zswap"] == own).all() and (rows["zswapped"] == count).all(), lambda: "groups miscount their pages")
    before = np.concatenate([[0], np.cumsum(own)])
    require((rows["subtree"] == before[built.memory.table("memcgs")["end"]] - before[:-1]).all(),
            lambda: "a group miscounts what its subtree has in zswap")  # fmt: skip
    spare = rows["charged"][1:] * PAGE - rows["zswap"][1:]
    require(not charged or ((spare >= 0) & (spare <= 2 * PAGE)).all(), lambda: "a group pays for other than it has")
