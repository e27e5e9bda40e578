"""Tasks of a machine record: their files, regions and memory policies."""

from collections.abc import Mapping
from dataclasses import dataclass

from mmrun.model.block.defaults import allocation_of
from mmrun.model.block.state import disks
from mmrun.model.core.codes import NEED_EVENTS
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Machine, Region, Task
from mmrun.model.eras import era
from mmrun.model.fs.vfs.layout import journalled, layout, metadata_name
from mmrun.model.machine import numa
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.place import chunk_of
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.memcg.place import GroupOfTask
from mmrun.model.mm.slab.place import region_key
from mmrun.model.mm.swap.state import FIRST_HITS
from mmrun.model.mm.task.state import EVERY_NODE, REGION_ANON, REGION_HUGETLB, REGION_MMAP, REGION_READ, REGION_SLAB
from mmrun.model.rules.cells import region_sizes, room
from mmrun.model.rules.record import Unsound
from mmrun.model.units import PAGE

_MODES = ("local", "bind", "preferred", "preferred-many", "interleave", "weighted-interleave")
ALLOCATION_GROUPS = 4
MAX_PAGECACHE_ORDER = 9
_ADVICE = ("normal", "random", "sequential")
_OF_SIZE = ("hugepage", "nohugepage")  # MADV_HUGEPAGE, MADV_NOHUGEPAGE: they say nothing of the order of accesses


def expand(cell: Cell) -> dict[str, Task]:
    """The cell's tasks with `count` unrolled: `name` or `name.0`, `name.1`, ..."""
    tasks = {}
    for name, task in cell.tasks.items():
        for i in range(task.count):
            tasks[name if task.count == 1 else f"{name}.{i}"] = task
    return tasks


def task_rows(cell: Cell) -> dict[str, slice]:
    """The rows of every task of the cell among the expanded ones."""
    rows, first = {}, 0
    for name, task in cell.tasks.items():
        rows[name] = slice(first, first + task.count)
        first += task.count
    return rows


def region_pages(task: Task, footprint: int) -> list[int]:
    """Pages of each region; the one without a size gets what the stream's footprint leaves, `Unsound` if none."""
    for fault in room(task, footprint):
        raise Unsound([fault])
    return region_sizes(task, footprint)


@dataclass
class File:
    """A file of the cell: its row, the pages of its largest region, and the disk it is on."""

    number: int
    pages: int
    disk: str | None
    fragment: int | None = None
    sparse: bool = False
    each: int | None = None
    """Pages of each file where a region is many files."""
    filesystem: str | None = None
    """What it lies on, if that is said."""

    @property
    def count(self) -> int:
        """How many files it stands for."""
        return -(-self.pages // self.each) if self.each else 1


LEFT = "(read before)"  # no file of a cell has spaces and brackets: what an aged machine's page cache holds


def file_table(tasks: Mapping[str, Task], pages: Mapping[str, list[int]], left: int = 0) -> dict[str, File]:
    """The files that tasks map or read, by name; `left`: pages in the cache, at the start, of what nobody reads."""
    files: dict[str, File] = {LEFT: File(0, left, None)} if left else {}
    for name, task in tasks.items():
        for i, (region, size) in enumerate(zip(task.memory, pages[name], strict=True)):
            if region.kind == "file":
                key = region.file or f"{name}/{i}"
                each = region.file_size // PAGE if region.file_size else None
                known = files.setdefault(
                    key, File(0, 0, region.disk, region.fragment, region.sparse, each, region.filesystem)
                )
                known.pages = max(known.pages, size)
    _numbered(files)
    return files


def _numbered(files: Mapping[str, File]) -> None:
    number = 0
    for file in files.values():
        file.number = number
        number += file.count


def with_metadata(cell: Cell, files: dict[str, File]) -> dict[str, File]:
    """The same files, and behind them that of each journalled file system's metadata."""
    for name, system in journalled(cell.machine.disks).items():
        pages = [min(file.each or file.pages, file.pages - i * (file.each or 0))
                 for file in files.values() if file.disk == name for i in range(file.count)]  # fmt: skip
        files[metadata_name(name)] = File(0, layout(system.kind, cell.machine.disks[name].size, pages).blocks, name)
    _numbered(files)
    return files


def _max_order(cell: Cell, file: File) -> int:
    """The largest order of the file's folios: 0, or where its file system has large ones that of a huge page."""
    on = file.filesystem or (allocation_of(cell.machine.disks[file.disk]) if file.disk else None)
    served = file.disk is not None and cell.machine.disks[file.disk].kind == "nfs"
    return MAX_PAGECACHE_ORDER * int(not served and era(cell.kernel).flags.get(f"large_folios_{on}", False))


def _place_on_disks(built: Built, files: Mapping[str, File]) -> None:
    """Files go to a disk's allocation groups in turn, in each behind the one before (XFS has four on one disk)."""
    used: dict[tuple[str, int], int] = {}
    turn: dict[str, int] = {}
    for file in files.values():
        if not file.disk:
            continue
        group = turn.get(file.disk, 0)
        turn[file.disk] = (group + 1) % ALLOCATION_GROUPS
        blocks = int(disks(built.memory.m)[built.disks.index(file.disk)].nr_blocks)
        first = used.get((file.disk, group), group * (blocks // ALLOCATION_GROUPS))
        used[file.disk, group] = first + file.pages
        for i in range(file.count):
            built.memory.table("files")[file.number + i].first_block = (first + i * (file.each or 0)) % blocks


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    tasks = len(plan.tasks)
    return {
        "tasks": tasks, "latencies": tasks, "regions": sum(len(task.memory) for task in plan.tasks.values()),
        "files": sum(file.count for file in plan.files.values()), "pte": plan.ptes, "ptpage": plan.ptes // 512 + 1,
        "cache": plan.cache, "xanode": plan.cache // 64 + 1, "stream": tasks * chunk_of(plan),
        "missed": plan.record_misses, "tlb": plan.ptes if plan.cell.machine.tlb_flush is not None else 0,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """Tasks."""
    return {"task": len(plan.tasks)}


def place(built: Built) -> None:
    """Fill the rows of files, tasks and regions: CPUs in turn on each node, page tables one after the other."""
    cell, tasks, pages, files, spaces = (getattr(built.plan, n) for n in ("cell", "tasks", "pages", "files", "spaces"))
    start = 0
    for file in files.values():
        for i in range(file.count):
            row = built.memory.table("files")[file.number + i]
            each = file.each or file.pages
            row.start, row.npages, row.first_region = start + i * each, min(each, file.pages - i * each), NONE
            row.disk = built.disks.index(file.disk) if file.disk else NONE
            row.extent, row.sparse = (file.fragment or 0) // PAGE, int(file.sparse)
            row.max_order = _max_order(cell, file)
        start += -(-file.pages // 64) * 64
    _place_on_disks(built, files)
    next_cpu = dict.fromkeys(range(len(cell.machine.nodes)), 0)
    groups = GroupOfTask(built)
    region = pte = 0
    for t, (name, task) in enumerate(tasks.items()):
        row = built.memory.table("tasks")[t]
        row.node, row.memcg = task.node, groups.of(name, task)
        row.time, row.think, row.nofs = task.start, task.think, int(task.nofs)
        row.stays, row.oom_score_adj, row.switched_in = int(task.stays), task.oom_score_adj, EVERY_NODE
        row.cpu = _cpu_of(cell.machine, task.node, next_cpu)
        row.pte_start, row.first_region, row.nr_regions = pte, region, len(task.memory)
        row.npages, row.state = sum(pages[name]), NEED_EVENTS
        _policy(row, task, cell.machine)
        first = 0
        for i, (part, size) in enumerate(zip(task.memory, pages[name], strict=True)):
            _region(built, region, part, pte + first, first, size, files.get(part.file or f"{name}/{i}"))
            if part.kind == "slab":
                row = built.memory.table("regions")[region]
                row.kind, row.file = REGION_SLAB, spaces[region_key(name, i, part)].number
            if not era(cell.kernel).flags["fault_around"]:
                built.memory.table("regions")[region].fault_around = 1
            region, first = region + 1, first + size
        pte += -(-first // 512) * 512


def _cpu_of(machine: Machine, node: int, next_cpu: dict[int, int]) -> int:
    before = sum(other.cpus for other in machine.nodes[:node])
    cpu = before + next_cpu[node] % machine.nodes[node].cpus
    next_cpu[node] += 1
    return cpu


def _allowed(task: Task, machine: Machine) -> list[int]:
    """The nodes of the task's memory policy in the order given; no mask stands for all of them."""
    nodes, everything = task.mempolicy.nodes, list(range(len(machine.nodes)))
    if nodes == "remote":
        return numa.nearest_nodes(machine, task.node) or [task.node]
    return everything if nodes == "all" else list(nodes) or everything


def _policy(row, task: Task, machine: Machine) -> None:
    policy, n = task.mempolicy, len(machine.nodes)
    chosen = _allowed(task, machine)
    row.mode, row.home = _MODES.index(policy.mode), chosen[0]
    row.mask = sum(1 << node for node in chosen)
    row.il_node = MAX_NODES - 1
    weights = numa.automatic_weights(machine) if policy.weights == "auto" else policy.weights
    if policy.weights != "auto" and len(weights) != n:
        weights = [weights[chosen.index(node)] if node in chosen else 1 for node in range(n)]
    row.weights[:n] = weights


def _region(built: Built, number: int, region: Region, start: int, first: int, size: int, file: File | None) -> None:
    row = built.memory.table("regions")[number]
    row.start, row.first, row.npages = start, first, size
    row.kind = REGION_MMAP if region.access == "mmap" else REGION_READ
    if region.kind == "anon":
        row.kind = REGION_HUGETLB if region.hugetlb else REGION_ANON
    row.readahead, row.fault_around = region.readahead // PAGE, region.fault_around // PAGE
    row.advice = 0 if region.advice in _OF_SIZE else _ADVICE.index(region.advice)
    row.huge = 1 + _OF_SIZE.index(region.advice) if region.advice in _OF_SIZE else 0
    row.prev_page = row.swap_prev = NONE
    row.swap_hits = FIRST_HITS
    row.next_of_file = NONE
    if file is not None:
        row.file, row.file_pages = file.number, file.each or 0
        row.next_of_file = built.memory.table("files")[file.number].first_region
        built.memory.table("files")[file.number].first_region = number
