"""The report of a kill as the kernel prints it, in the words of the cell's version (mm/oom_kill.c: dump_header).

From the first line to the kill; without what is no part of the model: time stamps, call trace, per-CPU lists, kernel
stacks, huge pages. A task's pid is its number after 1000, its user is 1000, its name ends after 15 characters.
"""

from collections.abc import Iterator

from mmrun.model.core.events import ARG_MASK, OP_SHIFT
from mmrun.model.machine.built import Built
from mmrun.model.mm.limits import oom_formats as formats
from mmrun.model.mm.limits.oom_lists import group_block, lists_block
from mmrun.model.mm.limits.oom_noted import Kill
from mmrun.model.mm.task.state import NOBODY, REGION_ANON, REGION_SLAB, regions, tasks

FIRST_PID, UID = 1000, 1000
MOST_TASKS = 64  # rows of the task table
FREED = "anon-rss:{anon}kB, file-rss:{file}kB"


def report(kill: Kill) -> Iterator[str]:
    """All lines of one kill."""
    yield from _first_lines(kill)
    if kill.over:
        yield from group_block(kill)
    if not kill.over or formats.SHOWS_BOTH.at(kill.version):
        yield from lists_block(kill)
    if kill.victim == NOBODY:
        yield "Out of memory and no killable processes..."
        return
    yield from _task_table(kill)
    yield from _summary(kill)
    yield from _kill_lines(kill)


def _first_lines(kill: Kill) -> Iterator[str]:
    at, name, adj = kill.version, kill.asker_name[:15], kill.asker_adj
    value, names = gfp_mask(kill)
    mask = f"0x{value:x}({names})" if formats.NAMES_FLAGS.at(at) else f"0x{value:x}"
    nodes = f"nodemask={kill.nodemask}, " if formats.TELLS_NODEMASK.at(at) else ""
    old = f"oom_adj={_oom_adj(adj)}, " if formats.TELLS_OOM_ADJ.at(at) else ""
    yield f"{name} invoked oom-killer: gfp_mask={mask}, {nodes}order=0, {old}oom_score_adj={adj}"
    if formats.CPUSET_LINE.at(at):
        yield f"{name} cpuset=/ mems_allowed={kill.all_nodes}"


def _oom_adj(adj: int) -> int:
    """What was oom_adj of this oom_score_adj, -17 to 15."""
    return adj * 15 // 1000 if adj > 0 else -(-adj * 17 // 1000)


def gfp_mask(kill: Kill) -> tuple[int, str]:
    """The flags of the allocation or charge that failed: as a number, and by name."""
    names = _flags(kill)
    layout = formats.LAYOUTS[formats.GFP_LAYOUT.at(kill.version)]
    first = next(known for known in (formats.GFP_HIGHUSER_MOVABLE, formats.GFP_KERNEL) if set(known) <= set(names))
    words = ["GFP_HIGHUSER_MOVABLE" if first is formats.GFP_HIGHUSER_MOVABLE else "GFP_KERNEL"]
    words += [f"__GFP_{name}" for name in names if name not in first]
    return sum(layout[name] for name in names), "|".join(words)


def _flags(kill: Kill) -> tuple[str, ...]:
    """Which flags: by what was asked for, for whom."""
    at = kill.version
    if kill.asker == NOBODY:
        return formats.GFP_KERNEL
    kind, operation = asked(kill.built, kill.asker, int(kill.noted.event))
    if kind == REGION_SLAB:
        return (*formats.GFP_KERNEL, "RECLAIMABLE")
    if kill.over and (kind == REGION_ANON or not formats.CHARGES_AS_ALLOCATED.at(at)):
        return formats.GFP_KERNEL
    if kind == REGION_ANON:
        compound = ("COMP",) if formats.COMPOUND.at(at) else ()
        return (*formats.GFP_HIGHUSER_MOVABLE, *compound, *(() if kill.noted.word else ("ZERO",)))
    if operation:
        return (*formats.GFP_HIGHUSER_MOVABLE, "WRITE")
    return (*formats.GFP_HIGHUSER_MOVABLE, "COLD") if formats.COLD.at(at) else formats.GFP_HIGHUSER_MOVABLE


def asked(built: Built, t: int, event: int) -> tuple[int, int]:
    """Kind of the region of a task's event, and 1 for a write."""
    m, page = built.memory.m, event & ARG_MASK
    task = tasks(m)[t]
    own = regions(m)[int(task.first_region) : int(task.first_region + task.nr_regions)]
    held = [int(region.kind) for region in own if region.first <= page]
    return held[-1], event >> OP_SHIFT


def _task_table(kill: Kill) -> Iterator[str]:
    """Who might be killed: on a machine with many tasks, those that hold most."""
    shape = formats.TASK_TABLE.at(kill.version)
    columns = {
        "cpu": " cpu oom_adj", "nr_ptes": " nr_ptes swapents", "nr_pmds": " nr_ptes nr_pmds swapents",
        "rss by kind": " rss_anon rss_file rss_shmem pgtables_bytes swapents",
    }.get(shape, " pgtables_bytes swapents")  # fmt: skip
    wide = shape in ("wide", "rss by kind")
    if wide:
        yield "Tasks state (memory values in pages):"
    yield f"{'[  pid  ]' if wide else '[ pid ]'}   uid  tgid total_vm      rss{columns} oom_score_adj name"
    lives = kill.living
    shown = sorted(sorted(lives, key=kill.held, reverse=True)[:MOST_TASKS])
    for t in shown:
        yield _task_row(kill, t, shape, 7 if wide else 5)
    if len(lives) > len(shown):
        yield f"({len(lives) - len(shown)} more tasks hold no more than these)"


def _task_row(kill: Kill, t: int, shape: str, width: int) -> str:
    row, pid, adj = kill.tasks[t], FIRST_PID + t, kill.adj(t)
    held = f"[{pid:>{width}}] {UID:5} {pid:5} {kill.size(t):8} {row.anon + row.file:8}"
    table, swap = int(row.tables) * kill.page, f"{row.swapents:8}"
    own = {
        "cpu": f" {kill.cpu(t):3}     {_oom_adj(adj):3}", "nr_ptes": f" {row.tables:7} {swap}",
        "nr_pmds": f" {row.tables:7} {0:7} {swap}",
        "rss by kind": f" {row.anon:8} {row.file:8} {0:9} {table:8} {swap}",
    }.get(shape, f" {table:8} {swap}")  # fmt: skip
    return f"{held}{own}         {adj:5} {kill.names[t][:15]}"


def _summary(kill: Kill) -> Iterator[str]:
    kind = formats.SUMMARY.at(kill.version)
    if not kind:
        return
    constraint = "CONSTRAINT_NONE"
    if kill.over and kind == "full":
        constraint = "CONSTRAINT_MEMCG"
    elif kill.nodemask != "(null)":
        constraint = "CONSTRAINT_MEMORY_POLICY"
    whose = f"oom_memcg={kill.path(kill.over)}" if kill.over else "global_oom"
    yield (
        f"oom-kill:constraint={constraint},nodemask={kill.nodemask},cpuset=/,mems_allowed={kill.all_nodes},{whose},"
        f"task_memcg={kill.path(int(kill.tasks[kill.victim].memcg))},task={kill.names[kill.victim][:15]},"
        f"pid={FIRST_PID + kill.victim},uid={UID}"
    )


def _kill_lines(kill: Kill) -> Iterator[str]:
    row, what = kill.tasks[kill.victim], "Memory cgroup out of memory" if kill.over else "Out of memory"
    shape, who = formats.KILL_LINES.at(kill.version), f"{FIRST_PID + kill.victim} ({kill.names[kill.victim][:15]})"
    freed = f"total-vm:{kill.kb(kill.size(kill.victim))}kB, " + FREED.format(
        anon=kill.kb(row.anon), file=kill.kb(row.file)
    )
    if shape != "score":
        freed += ", shmem-rss:0kB"
    if shape.startswith("score"):
        yield f"{what}: Kill process {who} score {kill.score} or sacrifice child"
        yield f"Killed process {who} {freed}"
        return
    more = f", UID:{UID} pgtables:{kill.kb(row.tables)}kB oom_score_adj:{kill.adj(kill.victim)}"
    yield f"{what}: Killed process {who} {freed}{more if shape == 'full' else ''}"
