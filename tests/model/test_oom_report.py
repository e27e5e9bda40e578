"""The report of a kill: what the kernel of each version prints, and the reasons that follow from it."""

import re
from dataclasses import replace

import numpy as np
import pytest

from mmrun.model import api
from mmrun.model.build import build
from mmrun.model.core.cache import ROOT
from mmrun.model.description import Cell, Cgroup, Disk, Mempolicy, Region, Stream, SwapTarget, Task
from mmrun.model.mm.limits.points import points_of
from mmrun.model.mm.limits.report import kills
from mmrun.model.mm.limits.state import MOST_REPORTS, oom_settings
from mmrun.model.registry import resolve
from mmrun.model.units import MiB, S
from tests.model.cells import ANON, FILE, READ, Run, given, machine, reads, run, writes

PAGES = 2048  # of the group's limit
SMALL = "a-task-with-a-long-name"
HEADERS = {
    "3.0": "[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
    "3.6": "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
    "4.4": "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
    "4.19": "[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    "5.17": "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    "6.18": "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj "
    "name",
}
ROWS = {
    "3.0": "[ 1001]  1000  1001      100      100   1       0             0 a-task-with-a-l",
    "3.6": "[ 1001]  1000  1001      100      100       1        0             0 a-task-with-a-l",
    "4.4": "[ 1001]  1000  1001      100      100       1       0        0             0 a-task-with-a-l",
    "4.19": "[ 1001]  1000  1001      100      100     4096        0             0 a-task-with-a-l",
    "5.17": "[   1001]  1000  1001      100      100     4096        0             0 a-task-with-a-l",
    "6.18": "[   1001]  1000  1001      100      100      100        0         0     4096        0             0 "
    "a-task-with-a-l",
}
FIRST = {
    "3.0": "gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0",
    "3.6": "gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0",
    "4.4": "gfp_mask=0x24000c0, order=0, oom_score_adj=0",
    "4.19": "gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=0",
    "5.17": "gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    "6.18": "gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
}
ONE_LINE = re.compile("[^\n\x00-\x1f\x7f]*")


def heap(kernel: str, adj: int = 0, **group: int) -> Run:
    """A task that writes more memory than its group may have, and a small one that does not."""
    tasks = {"app": given(cgroup="g"), SMALL: given(cgroup="g", oom_score_adj=adj)}
    limited = {"g": Cgroup(max=8 * MiB, **group)}
    cell = Cell(kernel=kernel, machine=machine(64, cpus=2), tasks=tasks, cgroups=limited)
    return run(cell, {"app": writes(np.arange(3072)), SMALL: writes(np.arange(100))})


def machine_wide(kernel: str, *regions: Region, op=writes, **more) -> Run:
    """A task that wants more memory than the machine has."""
    cell = Cell(kernel=kernel, machine=machine(16, cpus=2), tasks={"app": given(*regions, **more)})
    return run(cell, {"app": op(np.arange(5000))})


def lines(done: Run) -> list[str]:
    """The lines of the run's only report."""
    (only,) = done.outcome.kills
    assert only == kills(done.built)[0] and all(ONE_LINE.fullmatch(line) for line in only)
    return only


def pages_of(found: list[str], name: str) -> int:
    """A value of memory.stat in pages."""
    (line,) = (line for line in found if line.startswith(f"{name} "))
    return int(line.split()[1]) // 4096


@pytest.mark.parametrize("kernel", HEADERS)
def test_a_groups_kill_in_the_words_of_each_version(kernel: str):
    found = lines(heap(kernel))
    assert found[0] == f"app invoked oom-killer: {FIRST[kernel]}"
    (row,) = (number for number, line in enumerate(found) if line.endswith("a-task-with-a-l"))
    assert found[row] == ROWS[kernel] and found[row - 2] == HEADERS[kernel]
    assert ("app cpuset=/ mems_allowed=0" in found) == (kernel in ("3.0", "3.6", "4.4", "4.19"))
    assert ("Mem-Info:" in found) == (kernel in ("3.0", "3.6"))  # also for groups until 3.8
    assert "memory: usage 8192kB, limit 8192kB, failcnt " in "\n".join(found)
    taken = int(found[row - 1].split("] ")[1].split()[3])
    assert taken + 100 + (5 if kernel in ("4.19", "5.17", "6.18") else 0) == PAGES
    kill = [line for line in found if "ill" in line and "process" in line]
    if kernel in ("5.17", "6.18"):
        assert kill == [
            f"Memory cgroup out of memory: Killed process 1000 (app) total-vm:12288kB, anon-rss:{4 * taken}kB, "
            "file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:16kB oom_score_adj:0"
        ]
        assert (
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,task_memcg=/g,"
            "task=app,pid=1000,uid=1000" in found
        )
        return
    score = (taken + 4) * 1000 // PAGES
    shmem = ", shmem-rss:0kB" if kernel == "4.19" else ""
    assert kill == [
        f"Memory cgroup out of memory: Kill process 1000 (app) score {score} or sacrifice child",
        f"Killed process 1000 (app) total-vm:12288kB, anon-rss:{4 * taken}kB, file-rss:0kB{shmem}",
    ]
    assert "Task in /g killed as a result of limit of /g" in found


def test_memory_stat_accounts_for_all_that_the_group_uses():
    done = heap("6.18")
    found = lines(done)
    assert pages_of(found, "anon") + pages_of(found, "pagetables") == PAGES == 2043 + 5
    assert pages_of(found, "file") == pages_of(found, "slab") == 0
    assert pages_of(found, "inactive_anon") <= pages_of(found, "anon") < pages_of(found, "inactive_anon") + 2 * 31


@pytest.mark.parametrize(
    "kernel, mask",
    [("3.0", "0x280da"), ("4.4", "0x24280ca"), ("4.19", "0x6280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)"),
     ("5.15", "0x100dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)"),
     ("6.18", "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)")],
)  # fmt: skip
def test_the_machines_kill_shows_its_lists(kernel: str, mask: str):
    found = lines(machine_wide(kernel))
    assert found[0].startswith(f"app invoked oom-killer: gfp_mask={mask}, ")
    text = "\n".join(found)
    free = int(re.search(r" free:(\d+)", text)[1])
    lists = sum(int(pages) for pages in re.search(r"active_anon:(\d+) inactive_anon:(\d+)", text).groups())
    pcp = re.search(r" free_pcp:(\d+) ", text)
    # What is free, on lists, on its way to lists and in page tables is all there is.
    assert 4096 - 40 <= free + lists + (int(pcp[1]) if pcp else 0) + 8 <= 4096 or not pcp
    zone = re.search(r"Node 0 DMA free:(\d+)kB min:(\d+)kB low:(\d+)kB", text)
    buddy = re.search(r"Node 0 DMA: .* = (\d+)kB", text)
    assert int(zone[1]) == int(buddy[1]) == 4 * free and int(zone[2]) < int(zone[3])
    per_node = re.search(r"Node 0 active_anon:\d+kB .* all_unreclaimable\? (yes|no)", text)
    assert (per_node is not None) == (kernel not in ("3.0", "4.4"))
    assert ("(M)" in text) == (kernel != "3.0") and "4096 pages RAM" in found
    if kernel in ("5.15", "6.18"):
        assert ",global_oom,task_memcg=/,task=app,pid=1000,uid=1000" in text and "constraint=CONSTRAINT_NONE" in text


def test_who_is_bound_to_a_node_is_killed_for_it():
    cell = Cell(
        kernel="6.18", machine=machine(16, 16, cpus=1),
        tasks={"app": given(mempolicy=Mempolicy(mode="bind", nodes=(1,)))},
    )  # fmt: skip
    found = lines(run(cell, {"app": writes(np.arange(5000))}))
    (summary,) = (line for line in found if line.startswith("oom-kill:"))
    assert "constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=/,mems_allowed=0-1,global_oom" in summary
    assert any(line.startswith("limit: of node 1 of the machine") for line in found)


POINTS = [  # oom_score_adj, in 3.0, in 6.12, of 100,000 resident, 50,000 swapped and 200 table pages of 1,000,000
    (0, 150, 150_200), (500, 650, 650_200), (-200, 1, -49_800), (-100, 50, 50_200), (999, 1000, 1_149_200),
]  # fmt: skip


@pytest.mark.parametrize("adj, thousandths, pages", POINTS)
def test_points(adj: int, thousandths: int, pages: int):
    for kernel, points in (("3.0", thousandths), ("5.8", max(pages, 1)), ("6.12", pages)):
        m = build(resolve(Cell(kernel=kernel, machine=machine(16), tasks={"t": given()})), {"t": 1}).memory.m
        assert points_of(m, 150_200, adj, 1_000_000) == points
        assert oom_settings(m).oom_per_mille == (kernel == "3.0")


def test_oom_score_adj_chooses_another_victim():
    assert "Killed process 1000 (app)" in "\n".join(lines(heap("6.18", adj=900)))
    first, then = heap("6.18", adj=1000).outcome.kills
    assert "Killed process 1001 (a-task-with-a-l)" in "\n".join(first) and "oom_score_adj:1000" in "\n".join(first)
    assert "Killed process 1000 (app)" in "\n".join(then) and SMALL[:15] not in "\n".join(then)


@pytest.mark.parametrize("kernel, victim", [("3.0", "first"), ("5.0", "first"), ("6.18", "second")])
def test_of_equals(kernel: str, victim: str):
    """Until 5.2 the first of equals goes, then the last; in 3.0 tasks are equal to a thousandth of all memory."""
    cell = Cell(kernel=kernel, machine=machine(32, cpus=3), tasks={
        "first": given(stays=True), "second": given(stays=True), "asker": given(start=10**9),
    })  # fmt: skip
    more = 2 if kernel == "3.0" else 0
    streams = {
        "first": writes(np.arange(2990)),
        "second": writes(np.arange(2990 + more)),
        "asker": writes(np.arange(2600)),
    }
    assert f"({victim})" in [line for line in lines(run(cell, streams)) if "Kill" in line][-1]


def test_the_first_kills_in_full_and_the_rest_counted():
    names = [f"t{i}" for i in range(MOST_REPORTS + 2)]
    tasks = {name: given(cgroup=name, start=1000 * i) for i, name in enumerate(names)}
    groups = {name: Cgroup(max=64 * 4096) for name in names}
    done = run(Cell(kernel="6.18", machine=machine(32, cpus=4), tasks=tasks, cgroups=groups),
               {name: writes(np.arange(100)) for name in names})  # fmt: skip
    assert len(done.outcome.kills) == MOST_REPORTS + 1 and done.outcome.kills[-1] == ["2 more reports"]
    assert {report[0].split()[0] for report in done.outcome.kills[:-1]} < set(names)


def reasons(done: Run) -> list[str]:
    return [line.removeprefix("why: ") for line in lines(done) if line.startswith("why: ")]


def test_without_swap():
    anon, file = reasons(heap("6.18"))
    assert anon.endswith("anonymous pages stay: there is no swap") and file == "no page of a file is on a list"


@pytest.mark.parametrize(
    "slots, group, why",
    [(64, {}, "swap is full"), (4096, {"swap_max": 64 * 4096}, "the group uses all of its memory.swap.max"),
     (4096, {"swappiness": 0}, "swappiness is 0")],
)  # fmt: skip
def test_swap_that_may_not_be_used(slots: int, group: dict[str, int], why: str):
    kernel = "4.19"
    host = machine(64, cpus=2, swap={"s": SwapTarget(kind="zram", size=slots * 4096)})
    cell = Cell(
        kernel=kernel, machine=host, tasks={"t": given(cgroup="g")}, cgroups={"g": Cgroup(max=8 * MiB, **group)}
    )
    (anon, _) = reasons(run(cell, {"t": writes(np.arange(5000))}))
    assert anon.endswith(f"anonymous pages stay: {why}")


def test_dirty_pages_that_nobody_writes_in_time():
    """Generations on v1: reclaim neither writes dirty pages of files nor waits for those being written."""
    host = machine(64, cpus=2, disks={"d": Disk(kind="hdd")})
    cell = Cell(kernel="6.18+mglru", machine=host, tasks={"dd": given(replace(READ, disk="d"), cgroup="g")},
                cgroups={"g": Cgroup(max=8 * MiB)}, cgroup_version="v1")  # fmt: skip
    found = lines(run(cell, {"dd": writes(np.arange(5000))}))
    assert "dd asked for a page of a file, to write it" in "\n".join(found)
    (why,) = (line for line in found if "pages of files stay: " in line)
    stay, written, dirty = (int(re.search(rf"([\d,]+) {word}", why + " 0 are dirty")[1].replace(",", ""))
                            for word in ("pages of files stay", "are being written", "are dirty"))  # fmt: skip
    assert stay == written + dirty and "not known" not in why
    assert "gfp_mask=0x101cca(GFP_HIGHUSER_MOVABLE|__GFP_WRITE)" in found[0]


def test_mapped_files_do_not_hide_what_is_not_known():
    """All file pages in use count as such: the rule does not guess why clean pages of files were kept."""
    cell = Cell(kernel="6.18", machine=machine(16, cpus=1), tasks={"t": given(ANON, replace(FILE, size=1 * MiB))})
    mixed = np.concatenate([reads(np.arange(256)), writes(np.arange(256, 5000))])
    done = run(cell, {"t": mixed[::-1].copy()})
    assert all("not known" in why or "swap" in why or "no page" in why for why in reasons(done))


def program(kernel: str, **group: int) -> api.Outcome:
    """A recorded Python program in a group with half the memory it touches; swap on a disk."""
    host = machine(64, cpus=2, disks={"d": Disk(kind="sata-ssd")},
                   swap={"s": SwapTarget(kind="partition", disk="d", size=64 * MiB)})  # fmt: skip
    trace = Stream(kind="trace", params={"path": str(ROOT / "configs" / "traces" / "python.mmt")})
    cell = Cell(kernel=kernel, machine=host, tasks={"app": Task(stream=trace, cgroup="g")},
                cgroups={"g": Cgroup(max=5 * MiB, **group)})  # fmt: skip
    return api.simulate(cell)


def test_active_pages_that_statistics_hide():
    """6.18 kills a group of anonymous pages with swap free: all turned active since its statistics were summed up.

    6.1 sums them up in reclaim; so does a reader of memory.stat; generations have no such statistics.
    """
    done = program("6.18")
    (found,) = done.kills
    anon, file = (line.removeprefix("why: ") for line in found if line.startswith("why: "))
    assert "all are active" in anon and "statistics, which say 0 inactive and 0 active pages" in anon
    assert file == "no page of a file is on a list" and done.metrics["nr_swap_used"] < 8192
    assert done.metrics["elapsed_ns"] < 2 * S  # before the worker that sums up came
    for finished in (program("6.18", stat_read_every=1000), program("6.1"), program("6.18+mglru")):
        assert finished.metrics["outcome"] == "ok" and finished.kills == []
