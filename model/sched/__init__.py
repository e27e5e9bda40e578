"""CPUs are shared: actors that want to run take turns on them as the kernel's fair scheduler has them.

An actor is asleep, waits in the queue of a CPU, or is the one its CPU runs. When its time comes and it has no CPU, one
is looked for (`placement`): the one it ran on last if that is idle, else another idle one it may run on, else the one
with the least load. Where somebody runs it waits, unless it preempts him. While anybody waits, timer ticks come: there,
when somebody wakes and when somebody sleeps it is decided who runs (`runqueue`), by vruntime until 6.5 (`cfs`), by
eligibility and virtual deadline since 6.6 (`eevdf`). Who may run on several CPUs is pulled to one that falls idle, and
to one that has less load (`balance`).

The model's actors run ahead of each other by up to a turn. What an actor has done ahead of its time it has done, but
the time itself it has yet to spend on a CPU: when it is preempted before its clock's time, the rest is added to when it
is picked again. So a clock moves forward by exactly the time that its owner waited, and a computation of any length
can be interrupted at any tick.

Stands for: kernel/sched/fair.c (kernel/sched_fair.c to 3.2) without groups, scheduler_tick, try_to_wake_up and
__schedule of kernel/sched/core.c; kernel/sched/features.h by default, hrtick off. Not here: real-time and deadline
classes, buddies, bandwidth limits, delayed dequeue (6.12), NUMA balancing, caches that a migration leaves behind,
scheduling domains beyond one of all CPUs. Lists that the kernel has for each CPU (free pages, pages on their way to
LRU lists, pre-charged pages) stay those of the CPU an actor began on.
"""
