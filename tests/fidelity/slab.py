"""Shrinkers under a group's limit, as recorded on a guest: files looked up, then anonymous memory (data/README.md)."""

import csv
from dataclasses import replace
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Cgroup, Machine, Node, Region, SlabCache, Stream, Task
from mmrun.model.units import PAGE, KiB, MiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import reads, run, writes

FILES, DIRECTORIES, INODES_PER_BLOCK = 20_000, 100, 16
DENTRY, INODE = 192, 1184  # bytes; the recording has 1,187 to 1,229 an inode with all that hangs on it
BLOCKS = FILES // INODES_PER_BLOCK + DIRECTORIES
LIMIT, ANONYMOUS = 24 * MiB, 16 * MiB
PAGES = range(-3, 4)  # to a page, the limit is not known
QUANTITIES = {
    "slab_reclaimable": "bytes of reclaimable slab",
    "file": "pages of file cache",
    "pgscan": "pages scanned so far",
    "slabs_scanned": "objects scanned in the phase",
    "dentries": "dentries left",
    "inodes": "inodes left",
}
PHASES = {"stat": "20,000 files looked up", "pressure": "then 16 MB of anonymous memory"}


@cache
def recorded() -> tuple[dict[str, float], ...]:
    """What the kernel counted, by repeat: `phase.quantity` -> value at the end of the phase."""
    with (DATA / "slab.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple({name: float(text) for name, text in row.items() if name != "repeat"} for row in rows)


def cell(pages: int = 0) -> Cell:
    """A file system's inode tables and directories, its dentries and inodes, and anonymous memory in one group."""
    own = {"filesystem": True, "superblock": "fs"}
    caches = {
        "dentry": SlabCache(object=DENTRY, pins="inode", **own),  # type: ignore[arg-type]
        "inode": SlabCache(object=INODE, **own),  # type: ignore[arg-type]
    }
    memory = (
        Region(kind="slab", cache="dentry", objects=FILES, file="fs"),
        Region(kind="file", access="read", size=BLOCKS * PAGE, readahead=0),
        Region(size=ANONYMOUS),
    )
    return Cell(
        kernel="6.12",
        machine=Machine(nodes=(Node(memory=473_412 * KiB),)),
        slab=caches,
        cgroups={"g": Cgroup(max=LIMIT + pages * PAGE)},
        tasks={"t": Task(stream=Stream(kind="given"), memory=memory, cgroup="g", stays=True)},
    )


def events(phase: str) -> np.ndarray:
    """Up to the end of a phase: for every file its directory's block, its inode's block, its dentry."""
    files = np.arange(FILES)
    directory = FILES + FILES // INODES_PER_BLOCK + files // (FILES // DIRECTORIES)
    block = FILES + files // INODES_PER_BLOCK
    looked_up = np.stack([reads(directory), reads(block), reads(files)], axis=1).ravel()
    anonymous = writes(FILES + BLOCKS + np.arange(ANONYMOUS // PAGE))
    return looked_up if phase == "stat" else np.concatenate([looked_up, anonymous])


@cache
def simulated(pages: int = 0) -> dict[str, float]:
    """The model's values under the same names, at a limit that is so many pages higher."""
    found: dict[str, float] = {}
    for phase in PHASES:
        metrics = run(replace(cell(pages)), events(phase), check=False).metrics
        dentries, inodes = metrics["slab.dentry.objects"], metrics["slab.inode.objects"]
        before = found.get("stat.slabs_scanned", 0)
        found |= {
            f"{phase}.slab_reclaimable": dentries * DENTRY + inodes * INODE,
            f"{phase}.file": metrics["nr_inactive_file"] + metrics["nr_active_file"],
            f"{phase}.pgscan": metrics["pgscan_file"] + metrics["pgscan_anon"],
            f"{phase}.slabs_scanned": metrics["slabs_scanned"] - before,
            f"{phase}.dentries": dentries,
            f"{phase}.inodes": inodes,
        }
    return found


def nearest(model: dict[str, float]) -> tuple[int, dict[str, float]]:
    """The recorded end state that a run of the model is nearest to: repeat, and relative errors by name."""

    def errors(state: dict[str, float]) -> dict[str, float]:
        return {name: model[name] / value - 1 for name, value in state.items() if name in model}

    states = [errors(state) for state in recorded()]
    number = min(range(len(states)), key=lambda i: sum(abs(error) for error in states[i].values()))
    return number, states[number]


def section() -> str:
    """Recorded states, the model, and where other limits lead it."""
    model = simulated()
    at, errors = nearest(model)
    ends = [simulated(pages) for pages in PAGES]
    rows = []
    for phase, words in PHASES.items():
        for quantity, doc in QUANTITIES.items():
            name = f"{phase}.{quantity}"
            if name in recorded()[0]:
                states = [f"{state[name]:,.0f}" for state in recorded()]
                span = f"{min(end[name] for end in ends):,.0f}–{max(end[name] for end in ends):,.0f}"
                rows.append([words, doc, *states, f"{model[name]:,.0f}", f"{100 * errors[name]:+.1f}", span])
    heads = [f"recorded, repeat {i + 1}" for i in range(len(recorded()))]
    head = ("phase", "quantity", *heads, "simulated", f"error against repeat {at + 1} %", "limits 3 pages around")
    return table(head, rows)
