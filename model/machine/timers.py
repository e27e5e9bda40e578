"""The kernel's ticks, and sleeps that last until one (kernel/time/timer.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.writeback.state import dirty_settings

SECOND = 1_000_000_000
LEVEL_START, LEVEL_SHIFT = 63, 3  # of the timer wheel: each level has an eighth of the resolution of the one before


@kernel
def jiffies(m):
    """Ticks since the start."""
    return m.now * geometry(m).hz // SECOND


@kernel
def expiry(now, timeout, wheel):
    """The jiffy in which a timer set at jiffy `now` fires; the `wheel` of 4.8 rounds up so as never to be early."""
    if not wheel:
        return now + timeout
    shift, reach = 0, LEVEL_START
    while timeout >= reach:
        shift, reach = shift + LEVEL_SHIFT, reach << LEVEL_SHIFT
    return ((now + timeout >> shift) + 1) << shift


@kernel
def timeout_ends(m, timeout):
    """When a task that sleeps for `timeout` jiffies from now on runs again (schedule_timeout), in ns."""
    return (
        -(-expiry(jiffies(m), timeout, dirty_settings(m).timer_wheel) * SECOND // geometry(m).hz) + costs(m).kswapd_wake
    )


@kernel
def timeout_ns(m, ns):
    """How long (ns) a task sleeps from now on that asks for `ns`, a number of jiffies when rounded up."""
    return timeout_ends(m, -(-ns * geometry(m).hz // SECOND)) - m.now
