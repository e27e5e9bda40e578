"""Results made for figures: eras beside yardsticks, OOM, absent and excluded cells, modes, single runs, log axes."""

from typing import Any

import numpy as np

from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report_block import Figure, ReportBlock
from mmrun.runner.report.sweep_facts import Absence, SweepFacts

AXES = {
    "backing": ["anon", "mmap", "read"],
    "lru": ["3.1", "3.16", "4.19", "6.18", "6.18+mglru", "clock", "exact", "random", "opt"],
    "memory": ["25%", "50%", "75%", "90%"],
}
LEVEL = dict(zip(AXES["lru"], [2.5, 2.45, 2.52, 2.4, 2.2, 2.1, 2.05, 3.0, 1.0], strict=True))
MEMORY = dict(zip(AXES["memory"], [1.0, 0.7, 0.3, 0.12], strict=True))
YARDSTICKS = ("clock", "exact", "random", "opt")
ABSENCES = (
    Absence({"lru": ["3.1"], "backing": ["mmap"]}, why="kernel 3.1 has no `mmap` of such files"),
    Absence({"lru": ["random"], "memory": ["90%"]}),
)
FACTS = SweepFacts(ABSENCES, {"lru": list(YARDSTICKS)})
REPLICATES = 6
OOM = {("anon", "3.1", "25%"), ("anon", "3.16", "25%"), ("anon", "3.1", "50%"), ("read", "6.18", "25%")}
BLOCK = ReportBlock(labels={"lru": "LRU", "exact": "exact LRU", "opt": "OPT", "clock": "CLOCK", "backing": "pages"})
FIVE = ("3.1", "4.19", "6.18", "6.18+mglru", "random", "opt")
FIGURES = {
    figure.name: figure
    for figure in (
        Figure(name="distance", kind="lines", x="memory", y="fills", line="lru", facets="backing",
               baseline={"lru": "opt"}, where={"lru": FIVE}, width="page"),
        Figure(name="nine", kind="lines", x="memory", y="misses", line="lru", facets="backing",
               width="page", log=("y",)),
        Figure(name="column", kind="lines", x="memory", y="misses", line="lru", where={"lru": FIVE, "backing": "anon"}),
        Figure(name="bars", x="memory", y="misses", line="lru", facets="backing", where={"lru": FIVE},
               width="page"),
        Figure(name="points", x="memory", y="misses", line="lru", facets="backing", where={"lru": FIVE},
               width="page", log=("y",)),
        Figure(name="narrow", x="lru", y="elapsed_ns", where={"memory": "50%"}, facets="backing", log=("y",)),
        Figure(name="dots", kind="dots", x="lru", line="memory", y="misses", where={"backing": "anon"}, log=("y",)),
        Figure(name="heat", kind="heatmap", x="memory", line="lru", facets="backing", y="misses", width="page"),
        Figure(name="ratios", x="memory", y="misses", line="lru", facets="backing", baseline={"lru": "3.1"},
               where={"lru": ("3.1", "3.16", "4.19", "6.18")}, width="page"),
    )
}  # fmt: skip


def run(backing: str, lru: str, memory: str, replicate: int) -> dict[str, Any]:
    """One row: 3.16 lies on 3.1, MGLRU has two modes at half the memory of read(), `clock` is not random."""
    noise = np.random.default_rng([AXES["backing"].index(backing), replicate]).normal(1.0, 0.03)
    own = np.random.default_rng([AXES["lru"].index(lru), replicate, 3]).normal(1.0, 0.005)
    misses = 40_000 * MEMORY[memory] * LEVEL[lru] * noise * own
    if (backing, lru, memory) == ("read", "6.18+mglru", "50%"):
        misses = (7_400 if replicate else 98_000) * own
    labels = {"backing": backing, "lru": lru, "memory": memory, "replicate": replicate, "error": ""}
    if (backing, lru, memory) == ("mmap", "4.19", "75%"):
        return {**labels, "status": "failed", "error": "ModelError: frame 12 is on two lists"}
    outcome = "oom" if (backing, lru, memory) in OOM else "ok"
    counted = {"misses": int(misses), "first_touches": 1000, "elapsed_ns": int(misses * 1.3e4)}
    return {**labels, "status": "ok", "outcome": outcome, "random": lru not in ("clock", "opt", "exact"), **counted}


def runs() -> Runs:
    """The whole sweep; `read` has one run of each cell but those of MGLRU."""
    rows = []
    for backing in AXES["backing"]:
        for lru in AXES["lru"]:
            for memory in AXES["memory"]:
                labels = {"backing": backing, "lru": lru, "memory": memory}
                if any(absence.covers(labels) for absence in ABSENCES):
                    continue
                once = lru in ("clock", "opt", "exact") or (backing == "read" and lru not in ("6.18+mglru", "4.19"))
                rows += [run(backing, lru, memory, replicate) for replicate in range(1 if once else REPLICATES)]
    return Runs(AXES, rows, FACTS)
