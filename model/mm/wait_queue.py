"""Wait queues: actors that sleep until something happens or their time is up (wait_event_timeout).

An actor sleeps by queueing itself and giving up its turn, with `clock.blocked_until` as the end of its sleep; a task
has the event it was at again when it wakes. Where that cannot be (`clock.may_block` is 0: a limited group's reclaim, a
controller in user space) the caller lets time pass on the spot instead.
"""

from model.actors import schedule
from model.jit import frames, kernel, sleepers, tasks
from model.layout import MAX_NODES
from model.mm.state import RUNNABLE, SWAP_CLUSTER_MAX

CONGESTION = 0  # congestion_wait: until a disk's queue is no longer full
REASONS = 1  # reclaim_throttle: from here on, three queues a node
WRITEBACK, CONGESTED, NOPROGRESS = 0, 1, 2


@kernel
def throttle_queue(nid, reason):
    """The queue of those that a node's reclaim_throttle has put to sleep for a reason."""
    return REASONS + reason * MAX_NODES + nid


@kernel
def sleep_on(m, queue, until):
    """The running actor joins a queue and sleeps until time `until` at most; its caller must give up its turn."""
    slot = m.clock.actor
    row = sleepers(m)[slot]
    row.queue, row.next, row.since = queue + 1, m.wait_heads[queue], m.clock.now
    m.wait_heads[queue] = slot + 1
    m.clock.blocked_until = until


@kernel
def finish_wait(m, slot):
    """An actor that was asleep runs again: it leaves its queue, if nobody has taken it out. How long it slept (ns)."""
    row = sleepers(m)[slot]
    if row.since == 0:
        return 0
    if row.queue:
        at = m.wait_heads[row.queue - 1] - 1
        if at == slot:
            m.wait_heads[row.queue - 1] = row.next
        else:
            while sleepers(m)[at].next - 1 != slot:
                at = sleepers(m)[at].next - 1
            sleepers(m)[at].next = row.next
    slept = m.clock.now - row.since
    row.queue = row.next = row.since = 0
    return slept


@kernel
def wake_all(m, queue):
    """Everybody in a queue runs now, or when it fell asleep if the waker's clock is behind that."""
    slot = m.wait_heads[queue] - 1
    while slot >= 0:
        row = sleepers(m)[slot]
        at = max(m.clock.now, row.since)
        if slot >= m.cfg.nr_tasks:
            m.nodes[slot - m.cfg.kswapd_slot].kswapd_at = at
            schedule(m, slot, at)
        elif tasks(m)[slot].state == RUNNABLE:  # nobody has killed it in its sleep
            tasks(m)[slot].time = at
            schedule(m, slot, at)
        m.clock.wake = 1
        slot = row.next - 1
        row.queue = row.next = 0
    m.wait_heads[queue] = 0


@kernel
def count_written(m, pfn):
    """A page was written; if reclaimers wait for that, 32 a sleeper wake them (__acct_reclaim_writeback)."""
    nid = frames(m)[pfn].node
    node = m.nodes[nid]
    if node.nr_throttled:
        node.throttled_written += 1
        m.vm.nr_throttled_written += 1
        if node.throttled_written - node.reclaim_start > SWAP_CLUSTER_MAX * node.nr_throttled:
            wake_all(m, throttle_queue(nid, WRITEBACK))
