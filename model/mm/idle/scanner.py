"""Who looks at accessed bits, and proactive reclaimers in user space: they work, sleep, work. How, variants say."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import caller
from mmrun.model.core.sleep import sleep_until

idle_step = caller("idle_step")
proactive_step = caller("proactive_step")


@actor(per="scanner")
def scanner(m, number):
    """A scanner of accessed bits: works, sleeps until its next round, for ever."""
    while True:
        sleep_until(m, idle_step(m, number))
    return 0


@actor(per="controller")
def controller(m, number):
    """A proactive reclaimer in user space: decides, has memory reclaimed, sleeps, for ever."""
    while True:
        sleep_until(m, proactive_step(m, number))
    return 0
