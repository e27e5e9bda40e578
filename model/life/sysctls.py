"""Settings of a running machine are written, and what follows from them is worked out anew.

A setting that kernels read from a record of settings is stored there; what else follows the mechanisms say in their
place.py: `changed(built, names)` is called once the cell has the new values.
"""

from dataclasses import replace
from typing import Any

from mmrun.model.core.record import DECLARED
from mmrun.model.life.state import life_ops, life_state
from mmrun.model.machine.built import Built
from mmrun.model.mechanisms import parts


def write_due(built: Built) -> None:
    """Write the settings of the operation that the timeline has come to."""
    m = built.memory.m
    entry = built.cell.timeline[int(life_ops(m)[int(life_state(m).due) - 1].entry)]
    assert entry.set is not None
    write(built, {name: value for name, value in vars(entry.set.vm).items() if value is not None})
    life_state(m).due = 0


def write(built: Built, given: dict[str, Any]) -> None:
    """The cell goes on with these settings under /proc/sys/vm."""
    built.plan.cell = replace(built.cell, vm=replace(built.cell.vm, **given))
    for record in DECLARED.values():
        if not record.dimensions and record.name.endswith("settings"):
            for name in set(record.kind.names or ()) & given.keys():
                if isinstance(given[name], int):
                    setattr(record(built.memory.m), name, int(given[name]))
    for part in parts("place"):
        if changed := getattr(part, "changed", None):
            changed(built, given.keys())
