"""Who waits for a CPU, who has one, and what a fair share is computed from."""

from mmrun.model.core.record import one, row, table

# An actor as the scheduler sees it (struct sched_entity). `on`: OFF, QUEUED or CURRENT; `node`: whose CPUs it may run
# on, ANY_NODE: all; `cpu`: the one it runs on or ran on last; `began`: 1 once it has run. `vruntime`, `deadline`,
# `vlag`: virtual ns; `protected`: its deadline, `prev_sum_exec`: ns it had run, when it was picked; `left`: ns of what
# it has done that it has yet to spend on a CPU; `runs_at`: when it goes on; `since`: when `on` last changed.
ENTITY = row(
    on="i8", node="i8", cpu="i8", began="i8", weight="i8", vruntime="i8", deadline="i8", vlag="i8", protected="i8",
    sum_exec="i8", prev_sum_exec="i8", wait_ns="i8", sleep_ns="i8", since="i8", left="i8", runs_at="i8",
    next="i4", prev="i4",
)  # fmt: skip
# A CPU's queue (struct rq, struct cfs_rq). `curr`: actor + 1 that it runs, 0: it is idle; `first`, `last`: actors + 1
# that wait, in the order of their vruntime; `nr`, `load`: of those and the current one; `clock`: up to when its time is
# counted as busy or idle; `resched`: the current one has used its slice; `nr_failed`: attempts to balance in vain.
RQ = row(
    node="i8", curr="i8", first="i4", last="i4", nr="i8", load="i8", clock="i8", min_vruntime="i8", resched="i8",
    busy_ns="i8", idle_ns="i8", nr_switches="i8", next_balance="i8", nr_failed="i8",
)  # fmt: skip
OFF, QUEUED, CURRENT = 0, 1, 2
ANY_NODE = -1

entities = table(210, "entities", ENTITY)  # by actor
rqs = table(211, "rqs", RQ)  # by CPU
# `shared`: 0: every actor has a CPU of its own; `eevdf`: 0: CFS. Times in ns, scaled by the number of CPUs already;
# `floor`: no slice of CFS is shorter; `switch`: of one actor for another; `imbalance_pct` in percent.
sched_settings = one(
    212, "sched_settings", row(
        shared="i8", eevdf="i8", latency="i8", min_granularity="i8", wakeup_granularity="i8", floor="i8", slice="i8",
        tick="i8", context_switch="i8", balance="i8", imbalance_pct="i8",
        small_imbalance="i8",
    ),
)  # fmt: skip
sched = one(213, "sched", row(next_tick="i8", nr_waiting="i8"))  # NEVER: nobody waits; actors in queues
