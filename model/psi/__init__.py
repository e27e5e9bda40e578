"""Pressure stall information: how much of the time somebody, or everybody, was held up for memory, I/O or a CPU.

A task is runnable, in a memory stall (between psi_memstall_enter and _leave), or asleep in io_schedule; a CPU counts
how many of each group's tasks are so, and that says which states the group is in there (`task_change`): `some` of its
tasks stall, or in `full` none of them gets on. Every two seconds the CPUs' times are averaged, each weighted by how
long it was not idle, and go into running averages over 10, 60 and 300 s (`averages`).

Who is in a memory stall, the sites say where they begin one (`begins(m, ALLOC | MEMSTALL)`), by the kernel's version
where that matters. While every actor has a CPU of its own a group's state on a CPU is that of one actor: it is counted
once and not for each group above it, and nobody waits for a CPU, so that CPU pressure is 0.

Stands for: kernel/sched/psi.c, include/linux/psi.h of 4.20 and later. Not here: interrupt time (`irq`), triggers,
cgroup.pressure, migration entries, compaction, I/O controllers' delays; before 5.13 `memory full` of a CPU whose
reclaimer runs is exact, where kernels sampled it at ticks.
"""
