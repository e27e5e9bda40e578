"""A server that is booked by time: who comes with an earlier clock finds the gaps that are left.

Actors run ahead of each other (tasks by up to 20 us), so what they ask a lock or a cache line for is not asked in the
order of its times. Each request is booked in the first slot of a calendar, from its own time on, that has room; what is
older than the calendar is past, so it must be longer than what waits at a time. The server's rate is exact, waits below
saturation are short by what happens within a slot of 512 ns. A mechanism keeps the slots of its calendars in a table
of its own, rows of `BOOKED`: `SLOTS` each where nobody waits longer than 131 us.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import row

SLOT_SHIFT, SLOTS = 9, 256  # slots of 512 ns, and how many of them a usual calendar remembers
SLOT = 1 << SLOT_SHIFT
BOOKED = row(slot="i8", busy="i8")  # by slot modulo how many there are: which one, and the ns booked in it


@kernel
def book(slots, first, count, at, ns):
    """When a request of `ns` that comes at time `at` is over; its calendar: `count` rows of `slots` from `first` on."""
    slot, end = at >> SLOT_SHIFT, at + ns
    for _ in range(count):
        booked = slots[first + slot % count]
        if booked.slot > slot:  # past
            return end
        if booked.slot < slot:
            booked.slot, booked.busy = slot, 0
        if booked.busy < SLOT:
            end = max(end, (slot << SLOT_SHIFT) + booked.busy + ns)
            part = min(ns, SLOT - booked.busy)
            booked.busy += part
            ns -= part
            if ns == 0:
                return end
        slot += 1
    return max(end, slot << SLOT_SHIFT)
