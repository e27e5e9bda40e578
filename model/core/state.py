"""Actors: tasks and daemons, their stacks, and whose turn it is."""

from mmrun.model.core.record import one, row, table

# A task or daemon. `sp`: its stack pointer while it sleeps; `stack`: row of its stack + 1, 0 between two turns;
# `kind`, `entry`, `index`: what is an actor for each (PER), what it does, for which of them; `since`: when it last fell
# asleep (ns); `doing`, `counted`: what its time is counted as, up to when it was (model/core/accounting.py); `ran`: ns
# that it has run, to which now is to be added while it does (sum_exec_runtime); `next`, `prev`, `waits`: its place in a
# wait queue. The rest is what the kernel keeps on task_struct; `memalloc`: PF_MEMALLOC, as often as it was set;
# `apart`: it needs no CPU.
ACTOR = row(
    sp="i8", stack="i8", done="i8", kind="i8", entry="i8", index="i8", task="i8", cpu="i8", since="i8", doing="i8",
    counted="i8", waits="i8", next="i4", prev="i4", nofs="i8", in_lru_fault="i8",
    backing_dev="i8", reclaimed_slab="i8", in_shrinker="i8", ran="i8", memalloc="i8", apart="i8",
)  # fmt: skip

actors = table(10, "actors", ACTOR)
runqueue = table(11, "runqueue", "i8")  # a tournament tree: who runs next (model/core/actors.py)
spare_stacks = table(12, "spare_stacks", "i4")
stacks = one(  # see model/core/stacks.py; `spare`: how many of the rows of `spare_stacks` are stacks free to take
    13, "stacks", row(
        switch="i8", prepare="i8", entry="i8", main="i8", low="i8", stride="i8", bytes="i8", spare="i8", running="i8",
    ),
)  # fmt: skip
# Who runs, on which CPU, until when if others want to run (ns). `wake`: it woke somebody; `pass_over`: a kswapd has
# gone to sleep (1), settings are to be written (2). Written where an actor is resumed.
turn = one(14, "turn", row(actor="i8", cpu="i8", task="i8", turn_ends="i8", wake="i8", pass_over="i8"))
FIELDS = 16  # that an event may have
event = one(334, "event", row(fields=("i8", (FIELDS,))))  # those of the event under way (model/core/tracepoint.py)
