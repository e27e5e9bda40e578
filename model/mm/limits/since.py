"""The out-of-memory killer's choice: what changed when."""

from mmrun.model.core.timeline import Dated, flag, gap

DATED: Dated = (
    flag("oom_per_mille", "the points of a task are thousandths of all memory, so tasks of about one size are equal",
         "mm/oom_kill.c: oom_badness, 3.0; a7f638f999ff mm, oom: normalize oom scores to oom_score_adj scale only for "
         "userspace, 3.6", until="3.6"),
    flag("oom_at_least_one", "no task has less than one point, whatever its oom_score_adj",
         "9066e5cfb73c mm, oom: make the calculation of oom badness more accurate, 5.9", until="5.9"),
    flag("oom_last_of_equals", "of tasks with equal points the last one is killed, not the first",
         "mm/oom_kill.c: oom_evaluate_task", since="5.3",
         unsure="the first in 5.0, the last in the source of 5.3"),
    flag("max_write_kills", "memory.max holds at once when it is written, and the writer reclaims and kills for it",
         "b6e6edcfa405 mm: memcontrol: reclaim and OOM kill when shrinking memory.max below usage, 4.6", since="4.6"),
    flag("resize_gives_up", "lowering memory.limit_in_bytes ends with the first reclaim for nothing",
         "mm/memcontrol.c: mem_cgroup_resize_limit, 4.16", since="4.16", unsure="4.15 or 4.16"),
    flag("resize_drains", "lowering memory.limit_in_bytes begins with what CPUs keep for the group",
         "bb4a7ea2b144 mm: memcontrol: drain stocks on resize limit, 4.18", since="4.18", unsure="4.18 or 4.19"),
    flag("high_reclaims", "who writes memory.high reclaims what is above it",
         "588083bb37a3 mm: memcontrol: reclaim when shrinking memory.high below usage, 4.6", since="4.6"),
    flag("high_loops", "who writes memory.high reclaims again and again",
         "8c8c383c04f6 mm: memcontrol: try harder to set a new memory.high, 5.5", since="5.5"),
    flag("high_set_last", "memory.high holds only after its writer has reclaimed",
         "536d3bf261a2 mm: memcontrol: avoid workload stalls when lowering memory.high, 5.9; reverted in 5.11 "
         "(e82553c10b08)", since="5.9", until="5.11"),
    flag("swap_max_below_usage", "memory.swap.max can be lowered below what is in use",
         "mm/memcontrol.c: swap_max_write, 4.18", since="4.18", unsure="4.17 or 4.18"),
    gap("2.6.32", "2.6.35", "the killer goes by address space, CPU time and age; here by memory in use as 2.6.36"),
)  # fmt: skip
