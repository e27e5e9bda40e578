"""Time slices for each who waits for requests, one for all writes that nobody waits for, and waiting for the next one.

When the owner of a slice has nothing more, the disk idles for a while: his next request may be near. What nobody waits
for goes when nobody has a slice, or between two; not while somebody's request is at the drive, few at a time after one
of those was late, and whoever comes and waits takes the slice from it. Priorities, groups, requests far apart (which
share one slice) and close cooperators are left out.
"""

from mmrun.model.block.elevator import ADD, COMPLETED
from mmrun.model.block.state import disks, elevators, requests
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE

SOURCE = "block/cfq-iosched.c, 3.0 and 3.6"
QUEUES_READS, SORTED = True, True
PARAMS = {
    "slice_sync": (
        100,
        "ms",
        "slice of who waits for his requests",
        "cfq_slice_sync",
        (1, 60_000, "async depth divides by it"),
    ),
    "slice_async": (
        40,
        "ms",
        "slice of writes that nobody waits for",
        "cfq_slice_async",
        (0, 60_000, "at most a minute"),
    ),
    "slice_idle": (
        8,
        "ms",
        "how long the disk waits for the next request of a slice",
        "cfq_slice_idle",
        (0, 60_000, "at most a minute"),
    ),
    "quantum": (8, "", "requests at the drive, half while nobody is short", "cfq_quantum", (1, 1_024, "one goes")),
    "late": (
        125,
        "ms",
        "after so long a request that somebody waits for is late",
        "cfq_fifo_expire sync",
        (0, 60_000, "at most a minute"),
    ),
}
params = parameters("elevator", PARAMS, 98)
ASYNC, MS_NS = -1, 1_000_000


@kernel
def of_owner(m, disk, owner):
    """A request that the owner waits for: the nearest ahead, else the first; NONE if there is none."""
    d, rows, best = disks(m)[disk], requests(m), NONE
    for writes in range(2):
        at = d.queue.head if writes else d.reading.head
        from_block = d.next_block if writes else elevators(m)[disk].read_block
        while at != NONE:
            r = rows[at]
            if r.sync and r.owner == owner:
                nearer = best == NONE or (r.block >= from_block and not (from_block <= rows[best].block <= r.block))
                best = at if nearer else best
            at = r.next
    return best


@kernel
def next_owner(m, disk, last):
    """Whose request has waited longest, of others than `last` if there are; 0: nobody waits."""
    d, rows, best = disks(m)[disk], requests(m), NONE
    for writes in range(2):
        at = d.queue.head if writes else d.reading.head
        while at != NONE:
            r = rows[at]
            if r.sync:
                other = best == NONE or (rows[best].owner == last) > (r.owner == last)
                same = best != NONE and (rows[best].owner == last) == (r.owner == last)
                best = at if other or (same and r.submitted < rows[best].submitted) else best
            at = r.next
    return 0 if best == NONE else rows[best].owner


@kernel
def async_ahead(m, disk):
    """The write that nobody waits for which lies next ahead, else the first; NONE if there is none."""
    d, rows = disks(m)[disk], requests(m)
    first = at = d.queue.head
    first = NONE
    while at != NONE:
        if not rows[at].sync:
            if rows[at].block >= d.next_block:
                return at
            first = at if first == NONE else first
        at = rows[at].next
    return first


@kernel
def may_dispatch_async(m, disk, at, alone):
    """Whether the drive may have one more write that nobody waits for (cfq_may_dispatch)."""
    e, p = elevators(m)[disk], params(m)
    if e.sync_flight:
        return False
    most = max(p.quantum // 2, 1)
    if e.async_flight >= most:
        most = 1 << 30 if alone else p.quantum
    depth = (at - e.last_delayed) // (p.slice_sync * MS_NS)
    if depth == 0 and e.async_flight == 0:
        depth = 1
    return e.async_flight < min(most, depth)


@kernel
def end_slice(m, disk):
    """Nobody has the slice any more; writes are next if a waiter had it."""
    e = elevators(m)[disk]
    if e.active > 0:
        e.last, e.turn_async = e.active, 1
    e.active = e.idle_until = 0


@kernel
def select_queue(m, disk, at):
    """Who has the slice from now on: an owner, ASYNC, 0 while nobody or while the disk waits (cfq_select_queue)."""
    e, p = elevators(m)[disk], params(m)
    if e.active and at >= e.slice_end:
        end_slice(m, disk)
    if e.active > 0 and of_owner(m, disk, e.active) == NONE:
        if e.sync_flight or at < e.idle_until:
            return 0
        end_slice(m, disk)
    waits = async_ahead(m, disk) != NONE
    if e.active == ASYNC and not waits:
        e.active = 0
    if e.active:
        return e.active
    owner = next_owner(m, disk, e.last)
    if waits and (owner == 0 or e.turn_async):
        e.active, e.slice_end, e.turn_async = ASYNC, at + p.slice_async * MS_NS, 0
    elif owner:
        e.active, e.slice_end = owner, at + p.slice_sync * MS_NS
    return e.active


@kernel
def dispatch(m, disk, at):
    """The request that goes to the drive next; NONE: none now."""
    e = elevators(m)[disk]
    who = select_queue(m, disk, at)
    if who == ASYNC:
        alone = next_owner(m, disk, 0) == 0
        return async_ahead(m, disk) if may_dispatch_async(m, disk, at, alone) else NONE
    if who == 0 or e.async_flight:  # what the drive has of the others ends first
        return NONE
    return of_owner(m, disk, who)


@kernel
def completed(m, disk, number, at):
    """A request has ended: was it late; does the disk wait for the owner's next (cfq_completed_request)?"""
    r, e, p = requests(m)[number], elevators(m)[disk], params(m)
    if not r.sync:
        return
    if at - r.submitted >= p.late * MS_NS:
        e.last_delayed = at
    if r.owner == e.active and e.sync_flight == 0 and of_owner(m, disk, r.owner) == NONE:
        e.idle_until = at + p.slice_idle * MS_NS


@hook
def elevator_event(m, disk, event, request, at):
    """A waiter who comes takes the slice from writes that nobody waits for (cfq_should_preempt)."""
    e = elevators(m)[disk]
    if event == ADD:
        if requests(m)[request].sync and e.active == ASYNC:
            e.active = e.turn_async = 0
        return 0
    if event == COMPLETED:
        completed(m, disk, request, at)
        return 0
    return dispatch(m, disk, at)
