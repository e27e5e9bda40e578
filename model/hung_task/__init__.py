"""A machine that will not go on any more: that it has died, when, and who waits for whom.

It is dead when nobody will ever run again (a deadlock: everybody waits for what only another sleeper could do), or when
for two minutes no task got anywhere and nothing was read, written or reclaimed, while all tasks are in the kernel: a
livelock, in which reclaimers go round. Two minutes are the kernel's own yardstick for a hung task.

A run ends with that, and it is a result: `outcome` is `died`, `died` is 1, and a report says in words who waited for
what, and who would have had to end it. For that nothing is written down while the run lasts: queues stand in tables,
and whose a queue is says who wakes its sleepers (`wait_graph.py`).

Stands for: kernel/hung_task.c (khungtaskd), of which each task is judged by itself; here the machine is, as it is the
run that ends.
"""
