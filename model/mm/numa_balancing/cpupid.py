"""Who used a page last: CPU and task in one number (cpu_pid_to_cpupid)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.numa_balancing.state import PID_BITS, UNSET

PID_MASK = (1 << PID_BITS) - 1


@kernel
def cpupid_of(m, t):
    """Task `t` on the CPU that it runs on."""
    return turn(m).cpu << PID_BITS | t & PID_MASK


@kernel
def is_own(t, last):
    """Whether task `t` was the last user, as far as the bits kept of its number tell (cpupid_match_pid)."""
    return last != UNSET and last & PID_MASK == t & PID_MASK


@kernel
def node_of_user(m, last):
    """The node of the CPU where the last user ran."""
    return cpus(m)[last >> PID_BITS].node
