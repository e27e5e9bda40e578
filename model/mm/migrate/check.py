"""Pages on their way: migration entries name locked, isolated frames; lists of isolated folios are what they say."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.migrate.state import CALLS, LISTS
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.task.state import PTE_FRAME, PTE_PRESENT, PTE_SHIFT, PTE_YOUNG


def verify(built: Built, seen: np.ndarray) -> None:
    """Entries and lists."""
    _entries(built)
    _lists(built)


def _entries(built: Built) -> None:
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    at = np.flatnonzero((words & (PTE_PRESENT | PTE_YOUNG)) == PTE_YOUNG)
    pfns = (words[at] >> PTE_SHIFT) & PTE_FRAME
    heads = np.where(frames["kind"][pfns] == state.TAIL_PAGE, frames["owner"][pfns], pfns)
    states = frames["state"][heads]
    require(
        ((states & state.MOVING) != 0).all(),
        lambda: f"page-table word {at[np.argmax((states & state.MOVING) == 0)]} waits for a frame that nobody moves",
    )
    anon = (states & state.ANON) != 0
    require(
        (frames["owner"][heads[anon]] + pfns[anon] - heads[anon] == at[anon]).all(),
        lambda: "a migration entry stands for another word's page",
    )
    moving = (frames["state"] & (state.MOVING | state.KERNEL)) == state.MOVING  # of a driver's page: it can be moved
    require(((frames["state"][moving] & state.ISOLATED) != 0).all(), lambda: "a page is moved that nobody has isolated")


def _lists(built: Built) -> None:
    """Each actor's lists in use hold isolated folios, no folio is on two; between calls there are none."""
    frames, movers = built.memory.table("frames"), built.memory.table("movers")
    lists, calls, held = built.memory.table("isolated"), built.memory.table("migrations"), []
    for who in np.flatnonzero((movers["lists"] > 0) | (movers["calls"] > 0)):
        rows = [lists[who * LISTS + i] for i in range(int(movers["lists"][who]))]
        for i in range(int(movers["calls"][who])):
            call = calls[who * CALLS + i]
            rows += [call.work, call.source, call.stuck, call.singles, call.split, call.left]
            unmapped = chain(frames, int(call.source.head), int(call.source.n))
            require((frames["mapcount"][unmapped] == 0).all(), lambda: "a page is moved while it is mapped")
        for row in rows:
            held += chain(frames, int(row.head), int(row.n))
    require(len(set(held)) == len(held), lambda: "a folio is on two lists of isolated ones")
    require(((frames["state"][held] & state.ISOLATED) != 0).all(), lambda: "a folio on a list of isolated ones is not")
