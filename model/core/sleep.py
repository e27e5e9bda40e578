"""How an actor sleeps: in the middle of kernel code, wherever the kernel itself would (kernel/sched/wait.c).

An actor (a task, a daemon) runs on a stack of its own from the moment it begins until it is done; while it sleeps
there, others run, and the engine resumes whose time has come first. Who waits for something to happen joins its wait
queue, a row `first`, `last`; whoever makes it happen calls `wake`. A queue of zeros is empty.
"""

from mmrun.model.core.accounting import IN_IOWAIT, falls_asleep, wakes_up
from mmrun.model.core.actors import NEVER, schedule
from mmrun.model.core.codes import ASLEEP_IN_INTERRUPT
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.state import actors, spare_stacks, stacks, turn
from mmrun.model.core.switching import call_entry, fresh_stack, switch_back, switch_to

FOREVER = NEVER
ALL = 1 << 31


@kernel
def current(m):
    """The actor that runs now: its row."""
    return actors(m)[turn(m).actor]


@hook
def actor_life(m, who):
    """What runs on an actor's stack: what the actor does, once; then the stack is free for another."""
    row = actors(m)[who]
    call_entry(m, row.entry, row.index)
    row.done = 1
    switch_back(m, who)
    return 0


@kernel
def resume(m, who):
    """Let actor `who` run until it sleeps or is done; it begins anew where it did not sleep."""
    row = actors(m)[who]
    turn(m).actor, turn(m).cpu, turn(m).task = who, row.cpu, row.task
    if row.stack == 0:
        stacks(m).spare -= 1
        row.stack, row.done = spare_stacks(m)[stacks(m).spare] + 1, 0
        fresh_stack(m, who, row.stack - 1)
    stacks(m).running = 1
    wakes_up(m, who)
    row.ran -= m.now
    switch_to(m, who)
    row.ran += m.now
    falls_asleep(m, who)
    stacks(m).running = 0
    if row.done:
        spare_stacks(m)[stacks(m).spare] = row.stack - 1
        stacks(m).spare += 1
        row.stack = 0


@kernel
def sleeps(m, who):
    """Whether actor `who` is in the middle of something."""
    return actors(m)[who].stack > 0


@kernel
def _go_to_sleep(m):
    """Others run until the running actor's time comes, which somebody else may bring forward."""
    if not stacks(m).running:  # nobody's stack: a completion's, which must not wait
        panic(m, ASLEEP_IN_INTERRUPT, turn(m).actor)
        return
    actors(m)[turn(m).actor].since = m.now
    switch_back(m, turn(m).actor)


@kernel
def sleep_until(m, at):
    """The running actor sleeps until time `at` (ns), at least until the others have caught up with it."""
    schedule(m, turn(m).actor, max(at, m.now))
    _go_to_sleep(m)


@kernel
def cond_resched(m):
    """Those whose time has come meanwhile run first."""
    sleep_until(m, m.now)


@kernel
def _join(m, queue, who):
    row = actors(m)[who]
    row.next, row.prev, row.waits = 0, queue.last, 1
    if queue.last:
        actors(m)[queue.last - 1].next = who + 1
    else:
        queue.first = who + 1
    queue.last = who + 1


@kernel
def _leave(m, queue, who):
    row = actors(m)[who]
    if row.prev:
        actors(m)[row.prev - 1].next = row.next
    else:
        queue.first = row.next
    if row.next:
        actors(m)[row.next - 1].prev = row.prev
    else:
        queue.last = row.prev
    row.next = row.prev = row.waits = 0


@kernel
def wait(m, queue, timeout):
    """The running actor sleeps until it is woken, for `timeout` ns at most; how long it slept (ns).

    It may be woken for another reason than the queue's (a signal), so whoever needs to know looks again.
    """
    who, began = turn(m).actor, m.now
    _join(m, queue, who)
    schedule(m, who, NEVER if timeout >= FOREVER else began + timeout)
    _go_to_sleep(m)
    if actors(m)[who].waits:
        _leave(m, queue, who)
    return m.now - began


@kernel
def io_wait(m, queue, timeout):
    """The same, for I/O (io_schedule): the sleeper counts as such where pressure is told."""
    current(m).doing |= IN_IOWAIT
    slept = wait(m, queue, timeout)
    current(m).doing &= ~IN_IOWAIT
    return slept


@kernel
def io_sleep_until(m, at):
    """The running actor sleeps for I/O until time `at`."""
    current(m).doing |= IN_IOWAIT
    sleep_until(m, at)
    current(m).doing &= ~IN_IOWAIT


@kernel
def set_timeout(m, queue, at):
    """Who has waited longest in a queue wakes at time `at` at the latest."""
    if queue.first:
        schedule(m, queue.first - 1, at)


@kernel
def wake_actor(m, who, at):
    """Actor `who` runs at time `at`, or when it fell asleep if that is later: the waker's clock may lag behind."""
    schedule(m, who, max(at, actors(m)[who].since))
    turn(m).wake = 1


@kernel
def wake(m, queue, most, at):
    """Up to `most` of those who wait in a queue run at time `at`, who has waited longest first; how many."""
    woken = 0
    while queue.first and woken < most:
        who = queue.first - 1
        _leave(m, queue, who)
        wake_actor(m, who, at)
        woken += 1
    return woken
