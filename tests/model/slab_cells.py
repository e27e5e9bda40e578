"""Small cells with slab caches, and a look at their objects."""

from typing import Any

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.events import FREE, OP_SHIFT
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Disk, Machine, Node, Region, SlabCache, Variant
from mmrun.model.machine.state import nodes
from mmrun.model.mm.slab.check import violations
from mmrun.model.mm.slab.list_lru import REFERENCED
from mmrun.model.mm.slab.state import slab_count
from tests.model.actors import own_scan_of
from tests.model.cells import Run, call, given, reads, run

CACHED = 4000  # pages of page cache
FS = {"filesystem": True, "superblock": "fs"}
VFS = {"dentry": SlabCache(object=192, pins="inode", **FS), "inode": SlabCache(object=600, **FS)}  # type: ignore[arg-type]
FORMULAS = {  # variant -> (an era that it goes with, its parameters)
    "single-callback": ("3.1", {}), "batched-clamped": ("3.1", {}), "count-scan": ("4.19", {}),
    "priority-min": ("4.19", {}), "priority": ("6.18", {}),
}  # fmt: skip


def names(*caches: str, objects: int, disk: str | None = None) -> tuple[Region, ...]:
    """A region for each cache, all of one file system."""
    return tuple(Region(kind="slab", cache=cache, objects=objects, file="fs", disk=disk) for cache in caches)


def slab_cell(kernel: str, *regions: Region, slab: dict[str, SlabCache] | None = None, mib: tuple[int, ...] = (16,),
              shrinker: str | None = None, **more: Any) -> Cell:  # fmt: skip
    """A cell with the single task `t`, dentries and inodes unless told otherwise, and a disk `d`."""
    own = {"cgroup": more.pop("cgroup")} if "cgroup" in more else {}
    tasks = more.pop("tasks", None) or {"t": given(*regions, nofs=more.pop("nofs", False), **own)}
    params = more.pop("params", {})
    return Cell(
        kernel=kernel,
        machine=Machine(nodes=tuple(Node(memory=size << 20) for size in mib), disks={"d": Disk()}),
        slab=VFS if slab is None else slab,
        tasks=tasks,
        policy={"shrinker": Variant(variant=shrinker, params=params)} if shrinker else {},
        **more,
    )


def frees(numbers: Any) -> np.ndarray:
    """Events that free the objects."""
    return np.asarray(numbers, dtype=np.int64) | (FREE << OP_SHIFT)


def alive(built: Built, space: int) -> np.ndarray:
    """Which objects of a space exist (bool, one an object)."""
    row = built.memory.table("spaces")[space]
    return built.memory.table("objects")["page"][int(row.first) : int(row.first + row.nr)] > 0


def grown(variant: str, objects: int, **more: Any) -> Run:
    """A machine on which `objects` objects of a file system's cache `node` stand unused and unreferenced.

    Beside them, unless tasks are given, 4000 pages of page cache, so that pages scanned are a share of something.
    """
    cache = {"node": SlabCache(object=256, **more.pop("cache", {"filesystem": True}))}  # type: ignore[arg-type]
    era, params = FORMULAS[variant]
    mib, streams = more.pop("mib", (64,)), more.pop("streams", reads(range(objects)))
    memory = (*names("node", objects=objects), Region(kind="file", access="read", size=CACHED * 4096))
    if "tasks" not in more:
        streams = np.concatenate([streams, reads(range(objects, objects + CACHED))])
    cell = slab_cell(era, *memory, slab=cache, shrinker=variant, params=params, mib=mib, **more)
    done = run(cell, streams)
    done.built.memory.table("objects")["marks"] &= ~REFERENCED
    return done


def press(
    done: Run,
    variant: str,
    *,
    priority: int = 12,
    scanned: int = 32,
    node: int = 0,
    group: int = 0,
    nofs: bool = False,
    actor: int = 0,
) -> int:
    """One call of the shrinkers, as reclaim of a node makes it at a priority after scanning pages; objects freed."""
    m, s = done.m, own_scan_of(0)
    sc = done.built.memory.table("scans")[s]
    sc.memcg, sc.priority, sc.node, sc.zone = 0, priority, node, nodes(m)[node].first_zone
    sc.nr_scanned, sc.lruvec_scanned, sc.may_enter_fs = scanned, 0, int(not nofs)
    turn(m).actor, turn(m).cpu, turn(m).task = actor, int(nodes(m)[node].daemon_cpu), NONE
    before = int(slab_count(m).slab_objects_freed)
    if variant in ("single-callback", "batched-clamped"):
        call(done.built, "shrink_slab_pass", s)
    else:
        call(done.built, "shrink_slab", s, group)
    assert not violations(done.built)
    return int(slab_count(m).slab_objects_freed) - before


def put_off(done: Run) -> int:
    """Work that the shrinkers have put off, all nodes and groups together."""
    return int(done.built.memory.table("deferred").sum())
