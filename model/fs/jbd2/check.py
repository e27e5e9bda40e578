"""Laws of journals, in plain numpy: nothing is in two transactions, none is larger than it may be, nor the log."""

from collections.abc import Iterator

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.core.record import NONE
from mmrun.model.fs.jbd2.state import LOCKED, journals
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import DIRTY


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; Violation names all that do not hold."""
    found = [message for row in journals(built.memory.m) for message in violations(built, row)]
    require(not found, lambda: "; ".join(found))


def violations(built: Built, journal: np.record) -> Iterator[str]:
    """What does not hold of a journal, in words."""
    yield from _log(built, journal)
    yield from _handles(built, journal)
    yield from _blocks(built, journal)


def _live(journal: np.record) -> list[int]:
    return [int(row) for row in (journal.running, journal.committing) if row != NONE]


def _log(built: Built, journal: np.record) -> Iterator[str]:
    if not 0 <= journal.head - journal.tail < journal.blocks:
        yield f"a log of {journal.blocks} blocks holds {journal.head - journal.tail}"
    rows = built.memory.table("transactions")
    if journal.running != NONE and rows[int(journal.running)].credits > journal.most:
        yield f"a transaction has {rows[int(journal.running)].credits} credits, it may have {journal.most}"
    finished = chain(rows, int(journal.checkpoints.head), int(journal.checkpoints.n))
    if any(rows[row].logged < journal.tail for row in finished):
        yield "what a finished transaction has in the log is taken for free"
    tids = [int(rows[row].tid) for row in finished]
    if tids != sorted(tids):
        yield "finished transactions are not in their order"


def _handles(built: Built, journal: np.record) -> Iterator[str]:
    rows, handles = built.memory.table("transactions"), built.memory.table("handles")
    opened = handles[(handles["depth"] > 0) & (handles["asked"] > 0)]
    for row in _live(journal):
        own = opened[opened["transaction"] == row]
        if len(own) != rows[row].updates:
            yield f"transaction {rows[row].tid} counts {rows[row].updates} handles, {len(own)} are open"
        if rows[row].updates and rows[row].state > LOCKED:
            yield f"transaction {rows[row].tid} is being committed with handles open"
        reserved = int(own["credits"].clip(min=0).sum())
        if rows[row].credits < reserved:
            yield f"transaction {rows[row].tid} has {rows[row].credits} credits, its handles {reserved}"


def _blocks(built: Built, journal: np.record) -> Iterator[str]:
    first, count = int(journal.buffers), int(journal.nr_meta)
    heads, rows = built.memory.table("journal_heads")[first : first + count], built.memory.table("transactions")
    start = int(built.memory.table("files")[int(journal.meta)].start)
    cached = built.memory.table("cache")[start : start + count]
    held = heads["transaction"] > 0
    if (held & (cached <= 0)).any():
        yield f"metadata block {int(np.argmax(held & (cached <= 0)))} is part of a transaction and not cached"
        return
    states = built.memory.table("frames")["state"][cached[held] - 1]
    if (states & DIRTY).any():
        yield "a metadata block is part of a transaction and dirty page cache as well"
    for row in _live(journal):
        linked = chain(built.memory.table("journal_heads"), int(rows[row].metadata.head), int(rows[row].metadata.n))
        if sorted(linked) != (first + np.flatnonzero(heads["transaction"] == row + 1)).tolist():
            yield f"the list of transaction {rows[row].tid} has not the blocks that are part of it"
    kept = np.bincount(heads["checkpoint"], minlength=len(rows) + 1)[1:]
    for row in chain(rows, int(journal.checkpoints.head), int(journal.checkpoints.n)):
        if rows[row].unplaced != kept[row]:
            yield f"transaction {rows[row].tid} counts {rows[row].unplaced} blocks not in place, there are {kept[row]}"
