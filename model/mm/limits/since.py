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
    gap("2.6.32", "2.6.35", "the killer goes by address space, CPU time and age; here by memory in use as 2.6.36"),
)  # fmt: skip
