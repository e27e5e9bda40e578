"""The fair scheduler: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, number, since

BUSY = "sched/fair: Reduce busy load balance interval, Reduce minimal imbalance threshold, 5.10"

DATED: Dated = (
    axis("sched", always("own-cpu", "while no node has more tasks than CPUs; there `fair`, as in every kernel")),
    flag("eevdf", "tasks run by eligibility and virtual deadline",
         "sched/fair: Implement an EEVDF-like scheduling policy, 6.6", since="6.6"),
    flag("slice_floor", "no slice of CFS is shorter than the least granularity",
         "sched,fair: Alternative sched_slice(), 25 March 2021, 5.13", since="5.13"),
    number("base_slice", "slice of EEVDF on one CPU in ns (sysctl_sched_base_slice)",
           always(750_000, "kernel/sched/fair.c, 6.6"),
           since("6.15", 700_000, "kernel/sched/fair.c, 6.12.117, where it is a back-port", "after 6.12")),
    number("busy_factor", "how many times rarer busy CPUs balance",
           always(32, "kernel/sched/core.c: sd_init, before 5.10"), since("5.10", 16, BUSY)),
    number("imbalance_pct", "load in percent of one's own from which another CPU is relieved",
           always(125, "kernel/sched/core.c: sd_init, before 5.10"), since("5.10", 117, BUSY)),
    flag("balance_apart", "busy CPUs balance a tick earlier, so that domains do so at different times",
         "sched/fair: Minimize concurrent LBs between domain level, 5.10", since="5.10"),
    flag("small_imbalance", "a difference of one task is enough to move one",
         "kernel/sched/fair.c: fix_small_imbalance, before the rework of load_balance in 5.5", until="5.5"),
    gap("2.6.32", "2.6.39", "latency and granularities of the fair scheduler are those of 3.0"),
    gap("2.6.32", "3.15", "busy CPUs balance in the intervals of 3.16, which go by the number of CPUs"),
    gap("2.6.32", "6.5", "buddies of the fair scheduler (next, last, skip) are left out: who is leftmost runs"),
    gap("6.12", "6.18", "a task that falls asleep leaves its queue at once and keeps what it owes; the kernel lets it "
        "stay until that is paid (delayed dequeue)"),
)  # fmt: skip
