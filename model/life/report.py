"""What is told of a timeline: a line for each write, when it was done, how long it took and what came of it."""

from errno import errorcode

import numpy as np

from mmrun.model.life.place import Operation, operations
from mmrun.model.life.state import (
    COMPACT,
    DROP_PAGECACHE,
    DROP_SLAB,
    FORCE_EMPTY,
    REMOVE,
    SET_OOM_GROUP,
    SET_SOFT_LIMIT,
    SET_SWAPPINESS,
    SET_VM,
)
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import UNLIMITED
from mmrun.model.rules.quantity import show
from mmrun.model.units import PAGE


def metrics(built: Built) -> dict[str, int]:
    """Groups that were removed and still hold something."""
    rows = built.memory.table("memcgs")
    held = (rows["usage"] != 0) | (rows["swap_pages"] != 0)
    return {"nr_dying_descendants": int((held & (rows["offline"] != 0)).sum())}


def changes(built: Built) -> list[str]:
    """The lines, in the order of the timeline; writes that the run did not live to see say so."""
    ops = operations(built.plan)
    return [_line(built, op, row) for op, row in zip(ops, built.memory.table("life_ops"), strict=True)]


def _line(built: Built, op: Operation, row: np.record) -> str:
    what = " ".join(filter(None, [op.file, _written(built, op), f"of {op.group}" if op.group else ""]))
    if not row.began:
        return f"{show(op.at, 'ns')}: {what}: not done, the run was over"
    if not row.done:
        return f"{row.began / 1e9:.6f} s: {what}: not done by the end of the run"
    answer = f"-{errorcode[-int(row.result)]}" if row.result else "0"
    return f"{row.began / 1e9:.6f} s: {what}: {answer}, {(row.ended - row.began) / 1e6:.3f} ms{_came_of(op, row)}"


def _written(built: Built, op: Operation) -> str:
    """What is written."""
    if op.action == SET_VM:
        entry = built.cell.timeline[op.entry]
        assert entry.set is not None
        return ", ".join(f"{name} = {value}" for name, value in vars(entry.set.vm).items() if value is not None)
    if op.action in (FORCE_EMPTY, REMOVE):
        return ""
    if op.action in (DROP_PAGECACHE, DROP_SLAB, SET_OOM_GROUP, SET_SWAPPINESS, COMPACT):
        return str({DROP_PAGECACHE: 1, DROP_SLAB: 2, COMPACT: 1}.get(op.action, op.value))
    pages = op.second if op.file == "memory.low" else op.value
    return "max" if pages >= UNLIMITED else show(pages * PAGE, "bytes")


def _came_of(op: Operation, row: np.record) -> str:
    """What the write led to, in pages."""
    if op.action == DROP_PAGECACHE:
        return f", {int(row.after):,} pages went"
    if op.action == DROP_SLAB:
        return f", {int(row.after):,} objects went"
    if op.action in (SET_VM, SET_SWAPPINESS, SET_SOFT_LIMIT, SET_OOM_GROUP, COMPACT):
        return ""
    return f", usage {int(row.before):,} -> {int(row.after):,} pages"
