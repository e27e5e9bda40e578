"""Huge pages are mapped whole, and what waits to be split does so once."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.huge.queue import LINKS
from mmrun.model.mm.huge.state import HUGE_ORDER, HUGE_PAGES, thp_settings
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS, PTE_FRAME, PTE_PRESENT, PTE_SHIFT


def verify(built: Built, seen: np.ndarray) -> None:
    """Marks of huge pages; queues; alignment of folios."""
    _marks(built)
    _queues(built)
    _folios(built)


def _marks(built: Built) -> None:
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    marked = np.flatnonzero(built.memory.table("huge_marks"))
    mapped = np.zeros(len(built.memory.table("nr_anon_thps")), dtype=np.int64)
    for leaf in marked:
        own = words[leaf * HUGE_PAGES : (leaf + 1) * HUGE_PAGES]
        pfn = int((own[0] >> PTE_SHIFT) & PTE_FRAME)
        there = ((own & PTE_PRESENT) != 0).all() or (own & PTE_FLAGS == PTE_DIRTY).all()  # or all a hint entry
        whole = there and ((own >> PTE_SHIFT) & PTE_FRAME == pfn + np.arange(HUGE_PAGES)).all()
        require(
            whole and frames["order"][pfn] == HUGE_ORDER and frames["mapcount"][pfn] == HUGE_PAGES,
            lambda leaf=leaf: f"leaf table {leaf} is marked as a huge page and is none",
        )
        mapped[frames["node"][pfn]] += 1
    require(
        (mapped == built.memory.table("nr_anon_thps")).all(),
        lambda: f"{mapped} huge pages are mapped as such, counted {built.memory.table('nr_anon_thps')}",
    )


def _queues(built: Built) -> None:
    frames = built.memory.table("frames")
    by_group = bool(thp_settings(built.memory.m).thp_queue_by_group)
    waiting = np.zeros(len(frames), dtype=np.int64)
    for number, queue in enumerate(built.memory.table("deferred_queues")):
        rows = np.array(chain(frames, int(queue.head), int(queue.n)), dtype=np.int64)
        require(len(rows) == queue.n, lambda number=number: f"queue {number} of folios to split miscounts")
        pfns = rows - LINKS
        waiting[pfns] += 1
        own = frames["memcg" if by_group else "node"][pfns]
        require(
            (own == number).all() and (frames["slot"][rows] == 1).all(),
            lambda number=number: f"queue {number} has a folio of another, or one that does not know it",
        )
    partial = (frames["state"] & state.PARTIALLY_MAPPED) != 0
    require(
        (waiting <= 1).all() and (frames["order"][waiting > 0] > 1).all(), lambda: "a folio waits twice to be split"
    )
    require((waiting[partial] == 1).all(), lambda: "a folio that is partly unmapped does not wait to be split")


def _folios(built: Built) -> None:
    frames = built.memory.table("frames")
    large = np.flatnonzero(((frames["state"] & state.USER) != 0) & (frames["order"] > 0))
    pages = 1 << frames["order"][large].astype(np.int64)
    require((large % pages == 0).all(), lambda: "a folio is not aligned to its size")
    own = (frames["state"][large] & state.ANON) != 0  # a file's may be mapped by many
    mapped = frames["mapcount"][large] <= pages
    require((mapped | ~own).all(), lambda: "a folio is mapped more often than it has pages")
