"""How the kernel words an OOM report, by version (mm/oom_kill.c, mm/show_mem.c, include/linux/gfp.h)."""

from mmrun.model.core.timeline import always, flag, number, since

# Values of the flags of page allocation that a report can name, by layout. Seen in logs of each: 0x200da (3.10),
# 0x24000c0 (4.4), 0x14280ca (4.12), 0x6200ca (4.18), 0x100cca and 0x140dca (5.15, 6.8).
_LOW = {"HIGHMEM": 0x2, "MOVABLE": 0x8, "IO": 0x40, "FS": 0x80, "HARDWALL": 0x20000, "ZERO": 0x8000, "COLD": 0x100}
LAYOUTS = {
    "wait": _LOW | {"RECLAIM": 0x10, "RECLAIMABLE": 0x80000, "WRITE": 0x1000000},
    "two-reclaims": _LOW | {"RECLAIM": 0x2400000, "RECLAIMABLE": 0x10, "WRITE": 0x1000000},
    "no-other-node": _LOW | {"RECLAIM": 0x1400000, "RECLAIMABLE": 0x10, "WRITE": 0x800000},
    "closed-up": _LOW | {"RECLAIM": 0x600000, "RECLAIMABLE": 0x10, "WRITE": 0x100},
    "reordered": _LOW | {
        "RECLAIM": 0xC00, "RECLAIMABLE": 0x10, "WRITE": 0x1000, "HARDWALL": 0x100000, "ZERO": 0x100, "COMP": 0x40000,
    },
}  # fmt: skip
GFP_KERNEL = ("RECLAIM", "IO", "FS")
GFP_HIGHUSER_MOVABLE = (*GFP_KERNEL, "HARDWALL", "HIGHMEM", "MOVABLE")

GFP_LAYOUT = number(
    "gfp_layout", "values of the flags of page allocation",
    always("wait", "include/linux/gfp.h, 3.0"),
    since("4.4", "two-reclaims", "d0164adc89f6 mm, page_alloc: distinguish between being unable to sleep, 4.4"),
    since("4.11", "no-other-node", "41b6167e8f74 mm: get rid of __GFP_OTHER_NODE, 4.11"),
    since("4.17", "closed-up", "include/linux/gfp.h, 4.18", "after 4.15, before 4.18"),
    since("5.0", "reordered", "include/linux/gfp.h, 5.0"),
)  # fmt: skip
NAMES_FLAGS = flag("names_flags", "the flags by name", "420adbe9fc1a mm, tracing: unify mm flags handling", since="4.6")
TELLS_NODEMASK = flag("tells_nodemask", "the first line has the node mask", "mm/oom_kill.c", since="4.9", until="5.0")
TELLS_OOM_ADJ = flag("tells_oom_adj", "the first line has oom_adj", "mm/oom_kill.c, 3.6", until="3.7")
CPUSET_LINE = flag("cpuset_line", "a line of the cpuset", "mm/oom_kill.c, 4.20", until="5.0")
COLD = flag("cold_pages", "pages read ahead are allocated cold", "453f85d43fa9 mm: remove __GFP_COLD", until="4.15")
COMPOUND = flag(
    "folios_compound", "folios of anonymous memory are allocated as compound pages",
    "mm/mempolicy.c: vma_alloc_folio, 5.19", since="5.19",
)  # fmt: skip
CHARGES_AS_ALLOCATED = flag(
    "charges_as_allocated", "a page of a file is charged with the flags it was allocated with",
    "3fea5a499d57 mm: memcontrol: convert page cache to a new mem_cgroup_charge() API", since="5.8",
)  # fmt: skip

SHOWS_BOTH = flag("shows_both", "the machine's lists also when a group is at its limit", "mm/oom_kill.c", until="3.9")
GROUP_LINE = flag("group_line", "a line of the group at its limit", "mm/memcontrol.c, 4.20", until="5.0")
GROUP_STATS = number(
    "group_stats", "what is told of the group's pages",
    always("", "mm/memcontrol.c: mem_cgroup_print_oom_info, 3.0"),
    since("3.9", "line", "58cf188ed649 memcg, oom: provide more precise dump info while memcg oom happening"),
    since("5.3", "memory.stat", "c8713d0b2312 mm: memcontrol: dump memory.stat during cgroup OOM"),
)  # fmt: skip
LISTS = number(
    "lists", "lines of the machine's lists",
    always("zones", "mm/page_alloc.c: show_free_areas, 3.0"),
    since("4.8", "nodes", "599d0c954f91 mm, vmscan: move LRU lists to node, 4.8"),
)  # fmt: skip
BUDDY_TYPES = flag("buddy_types", "kinds of free blocks", "377e4f167664 mm: show migration types in show_mem",
                   since="3.9")  # fmt: skip
UNSTABLE = flag("unstable", "pages written to NFS, not committed", "8d92890bd6b8 mm/writeback: discard NR_UNSTABLE_NFS",
                until="5.8")  # fmt: skip
FREE_PCP = flag("free_pcp", "free pages on per-CPU lists", "d1bfcdb8ce0e mm/page_alloc: show free_pcp", since="4.2")
MANAGED = flag("managed", "pages that the buddy allocator has", "9feedc9d831e mm: introduce new field managed_pages",
               since="3.9")  # fmt: skip

TASK_TABLE = number(
    "task_table", "columns between rss and oom_score_adj",
    always("cpu", "mm/oom_kill.c: dump_tasks, 3.0"),
    since("3.6", "nr_ptes", "mm/oom_kill.c: dump_tasks, 3.6"),
    since("4.0", "nr_pmds", "dc6c9a35b66b mm: account pmd page tables to the process, 4.0"),
    since("4.15", "pgtables_bytes", "af5b0f6a09e4 mm: consolidate page table accounting, 4.15"),
    since("5.0", "wide", "c3b78b11efbb mm, oom: describe task memory unit, larger PID pad, 5.0"),
    since("6.8", "rss by kind", "log of June 2024", "between 5.17 and 6.9"),
)  # fmt: skip
SUMMARY = number(
    "summary", "the line that says all at once",
    always("", "mm/oom_kill.c, 4.20"),
    since("5.0", "without constraint", "ef8444ea01d7 mm, oom: reorganize the oom report in dump_header, 5.0"),
    since("5.3", "full", "mm, oom: fix oom_kill_process's CONSTRAINT_NONE of groups, June 2019", "5.2 or 5.3"),
)  # fmt: skip
KILL_LINES = number(
    "kill_lines", "lines of the kill",
    always("score", "mm/oom_kill.c: oom_kill_process, 3.0"),
    since("4.5", "score, shmem", "eca56ff906bd mm, shmem: add internal shmem resident memory accounting, 4.5"),
    since("5.1", "one", "bbbe48029720 mm, oom: remove 'prefer children over parent' heuristic, 5.1"),
    since("5.4", "full", "70cb6d267790 mm/oom: add oom_score_adj and pgtables to Killed process message, 5.4"),
)  # fmt: skip
