"""A counter that many CPUs change lies on one cache line, which has to come to each of them in turn.

The line is a server. An access takes as long as the transfer: from the CPU's own cache, from another one of its node,
from another node's. Who had it before is known by shares: the accesses of the last 65 us by CPU and by node. Accesses
are not made in the order of their times, so each is booked in the line's calendar (core/calendar.py).
"""

from mmrun.model.core import calendar
from mmrun.model.core.calendar import SLOTS
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.net.tcp_mem.state import (
    EPOCH_SHIFT,
    line_slots,
    line_users,
    lines,
    tcp_mem_count,
    tcp_mem_settings,
)


@kernel
def usage_line(group):
    """Where a group's usage lies; line 0 is the protocol's counter."""
    return 1 + 2 * group


@kernel
def protection_line(group):
    """Where what is protected of its usage lies, if not there as well."""
    return 2 + 2 * group


@kernel
def _turn_page(m, line, epoch):
    """What was counted of a line becomes that of the last epoch (none if that was an earlier one)."""
    row = lines(m)[line]
    fresh = row.epoch == epoch - 1
    row.last_total = row.total if fresh else 0
    for nid in range(geometry(m).nr_nodes):
        row.last_node[nid] = row.node[nid] if fresh else 0
        row.node[nid] = 0
    row.epoch, row.total = epoch, 0


@kernel
def note_use(m, line, accesses):
    """The running CPU makes `accesses` to a line; how long one takes on average, by who else uses it (ns)."""
    epoch, cpu, row = m.now >> EPOCH_SHIFT, turn(m).cpu, lines(m)[line]
    if epoch > row.epoch:
        _turn_page(m, line, epoch)
    user, nid = line_users(m)[line * geometry(m).nr_cpus + cpu], cpus(m)[cpu].node
    if row.epoch > user.epoch:
        user.last = user.n if user.epoch == row.epoch - 1 else 0
        user.epoch, user.n = row.epoch, 0
    user.n += accesses
    row.total += accesses
    row.node[nid] += accesses
    cost = tcp_mem_settings(m)
    if row.last_total:
        own, near, total = user.last, row.last_node[nid], row.last_total
    else:
        own, near, total = user.n, row.node[nid], row.total
    return (
        own * cost.line_same_core + (near - own) * cost.line_same_node + (total - near) * cost.line_cross_node
    ) // total


@kernel
def book(m, line, at, ns):
    """When an access of `ns` that comes to a line at time `at` is over: after those that found room before it."""
    return calendar.book(line_slots(m), line * SLOTS, SLOTS, at, ns)


@kernel
def use_line(m, line, accesses, held):
    """The running actor makes `accesses` to a line, and holds what is on it for `held` ns: a lock."""
    ns = accesses * note_use(m, line, accesses) + held
    end = book(m, line, m.now, ns)
    tcp_mem_count(m).skmem_lines_ns += ns
    tcp_mem_count(m).skmem_wait_ns += end - ns - m.now
    m.now = end
