"""Actors that rest until a disk's queue has room or a file's page is written: lists of actor slots, woken in order.

A list is the number + 1 of its first and last slot (0: empty), on a row that the caller names; `waiting` links slots.
"""

from model.actors import NEVER, schedule
from model.block.batching import begin_batch
from model.jit import files, kernel, tasks, waiting
from model.mm.state import BLOCKED, KILLED, RUNNABLE


@kernel
def rest(m, slot):
    """Actor `slot` does not run until it is woken."""
    waiting(m)[slot] = 0
    if slot < m.cfg.nr_tasks:
        tasks(m)[slot].state = BLOCKED
    schedule(m, slot, NEVER)


@kernel
def wake(m, slot, at):
    """Actor `slot` goes on at time `at`; False if it has been killed."""
    if slot < m.cfg.nr_tasks:
        if tasks(m)[slot].state == KILLED:
            return False
        tasks(m)[slot].state = RUNNABLE
        tasks(m)[slot].time = max(tasks(m)[slot].time, at)
        at = tasks(m)[slot].time
    schedule(m, slot, at)
    m.clock.wake = 1
    return True


@kernel
def wait_for_request(m, disk, slot):
    """Actor `slot` rests until the disk's queue has room (get_request)."""
    d = m.disks[disk]
    rest(m, slot)
    if d.last_waiter:
        waiting(m)[d.last_waiter - 1] = slot + 1
    else:
        d.first_waiter = slot + 1
    d.last_waiter = slot + 1


@kernel
def wake_for_request(m, disk, at):
    """The actor that has waited longest for the disk's queue goes on, all of them when the queue is empty.

    One that is woken may find that it needs no request any more, or that it may not have one yet.
    """
    d = m.disks[disk]
    while d.first_waiter:
        slot = d.first_waiter - 1
        d.first_waiter = waiting(m)[slot]
        if d.first_waiter == 0:
            d.last_waiter = 0
        if d.batching:
            begin_batch(m, slot, at)
        if wake(m, slot, at) and d.nr_allocated:
            return


@kernel
def wait_for_file(m, file, slot):
    """Actor `slot` rests until some of the file's pages are written."""
    rest(m, slot)
    waiting(m)[slot] = files(m)[file].first_waiter
    files(m)[file].first_waiter = slot + 1


@kernel
def wake_for_file(m, file, at):
    """Everybody who waits for pages of the file looks again."""
    slot = files(m)[file].first_waiter - 1
    files(m)[file].first_waiter = 0
    while slot >= 0:
        after = waiting(m)[slot] - 1
        wake(m, slot, at)
        slot = after
