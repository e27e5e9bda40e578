"""What a plan would do: cells by state with the reason, memory, and cost as far as finished cells tell."""

from collections import Counter
from collections.abc import Callable
from statistics import mean
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner.config import units
from mmrun.runner.plan.axes import label_text
from mmrun.runner.plan.plan import Plan
from mmrun.runner.store.states import State

STATES = ("new", "done", "stale", "failed")


@frozen
class Estimate:
    """A plan against its result directory. `memory` is bytes per distinct cell key, `seconds` of finished cells."""

    plan: Plan
    states: dict[str, State]
    memory: dict[str, int]
    accesses: int
    seconds: tuple[float, ...]

    def counts(self) -> dict[str, int]:
        """Cells by state."""
        found = Counter[str](self.states[key].state for key in self.keys())
        return {state: found[state] for state in STATES}

    def keys(self) -> list[str]:
        """The distinct cells, in plan order."""
        return list(dict.fromkeys(cell.key for cell in self.plan.cells))

    def todo(self) -> list[str]:
        """Cells that a sweep computes: all that are not done."""
        return [key for key in self.keys() if self.states[key].state != "done"]

    def cost(self) -> float | None:
        """Expected core seconds of what is to do; None before any cell has finished."""
        return mean(self.seconds) * len(self.todo()) if self.seconds else None

    def lines(self, why: bool) -> list[str]:
        """The estimate in words, one line each; with `why`, a line for every cell that is not done."""
        counts = self.counts()
        most = max(self.memory.values(), default=0)
        lines = [
            f"{self.plan.name}: {len(self.keys())} cells -> {self.plan.out}",
            "  " + ", ".join(f"{state} {count}" for state, count in counts.items()),
            f"  memory: up to {units.show(-(-most // (1 << 20)) << 20, 'bytes')} a cell",
            f"  accesses to simulate: {self.accesses:,}",
        ]
        certain = sum(not cell.random for cell in self.plan.cells)
        if certain and self.plan.experiment.replicates.min > 1:
            lines.append(f"  {certain} cells draw no random numbers: one run is all there is, no replicates")
        cost = self.cost()
        if cost is not None:
            lines.append(f"  cost: about {cost:.0f} core seconds, from the mean of {len(self.seconds)} finished cells")
        if counts["stale"]:
            lines.append("  stale cells are computed again, unless --keep-stale is given")
        if why:
            lines += [f"  {describe(cell)}" for cell in self.explained()]
        return lines

    def explained(self) -> list[dict[str, Any]]:
        """Every planned cell that is not done, with axes and reason."""
        found = []
        for cell in self.plan.cells:
            state = self.states[cell.key]
            if state.state != "done":
                labels = {name: label_text(label) for name, label in cell.axes.items()}
                row = {"key": cell.key, "axes": labels, "replicate": cell.replicate}
                found.append({**row, "state": state.state, "reason": state.reason})
        return found

    def as_json(self) -> dict[str, Any]:
        """The estimate as JSON data."""
        return {
            "name": self.plan.name,
            "out": str(self.plan.out),
            "cells": len(self.keys()),
            "states": self.counts(),
            "memory_bytes_max": max(self.memory.values(), default=0),
            "accesses": self.accesses,
            "cost_core_seconds": self.cost(),
            "not_done": self.explained(),
        }


def describe(row: dict[str, Any]) -> str:
    """One line for a cell that is not done."""
    axes = " ".join(f"{name}={label}" for name, label in row["axes"].items())
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"{row['state']:<6} {row['key']} {axes} replicate={row['replicate']}{reason}"


def estimate(plan: Plan, warn: Callable[[str], None]) -> Estimate:
    """Compare a plan with what its result directory holds. Imports the model, so that fingerprints are real."""
    from mmrun.model import api
    from mmrun.runner.execute.execute import fingerprints
    from mmrun.runner.store.shelf import Shelf
    from mmrun.runner.store.states import states
    from mmrun.runner.store.store import Store

    shelf = Shelf(Store(plan.out, warn), (cell.key for cell in plan.cells))
    known = states(plan.cells, shelf, fingerprints())
    seconds = [
        shelf.kept[key].cpu_seconds for key in shelf.wanted & shelf.kept.keys() if shelf.kept[key].status == "ok"
    ]
    memory: dict[str, int] = {}
    accesses = 0
    traces: dict[str, int] = {}
    for cell in plan.cells:
        if cell.key not in memory:
            memory[cell.key] = api.memory_bytes(cell.cell)
            if known[cell.key].state != "done":
                accesses += length(cell.cell, traces)
    return Estimate(plan, known, memory, accesses, tuple(seconds))


def length(cell: Cell, traces: dict[str, int]) -> int:
    """Accesses of all tasks of a cell; `traces` remembers the lengths of traces by path."""
    total = 0
    for task in cell.tasks.values():
        params = task.stream.params
        if "path" in params:
            if params["path"] not in traces:
                from mmrun.model.trace import read_header

                traces[params["path"]] = read_header(params["path"]).accesses
            total += traces[params["path"]] * params.get("repeat", 1) * task.count
        else:
            total += params.get("accesses", 0) * task.count
    return total
