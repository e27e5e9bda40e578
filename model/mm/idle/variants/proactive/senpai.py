"""Senpai: ask every group for a little memory as long as it hardly stalls for want of it (TMO, ASPLOS 2022).

Every interval a group is asked for current * ratio * max(0, 1 - some / threshold) pages, `some` being the pressure of
the interval (share of time some task stalls; approximated from stall counters, see model/mm/memcg/pressure.py).
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.limits.limits import proactive_reclaim
from mmrun.model.mm.memcg.pressure import is_target, senpai_pages, some_ppm
from mmrun.model.mm.memcg.state import memcgs

SOURCE = "Weiner et al., TMO: Transparent Memory Offloading in Datacenters, ASPLOS 2022"
CONTROLLERS = 1
PARAMS = {
    "interval_ms": (
        6_000,
        "ms",
        "time between two decisions",
        "TMO: 6 s (from memory)",
        (1, 86_400_000, "0 would decide again and again in no time; a day"),
    ),
    "ratio_ppm": (
        500,
        "1/1000000",
        "share of the group asked for without pressure",
        "TMO: 0.0005 (from memory)",
        (0, 1_000_000, "a share"),
    ),
    "threshold_ppm": (
        1_000,
        "1/1000000",
        "pressure at which it stops asking",
        "TMO: 0.1 % (from memory)",
        (1, 1_000_000, "what is asked for is divided by it; a share"),
    ),
}
params = parameters("proactive", PARAMS, 307)


@kernel
def ask(m, memcg, interval):
    """One decision about a group."""
    p, some = params(m), some_ppm(m, memcg, interval)
    wanted = senpai_pages(memcgs(m)[memcg].usage, p.ratio_ppm, some, p.threshold_ppm)
    if wanted:
        m.now += costs(m).syscall
        proactive_reclaim(m, memcg, wanted, -1)


@hook
def proactive_step(m, controller):
    interval = params(m).interval_ms * 1_000_000
    started = m.now
    if started >= interval:
        for memcg in range(geometry(m).nr_memcgs):
            if is_target(m, memcg):
                ask(m, memcg, interval)
    return started + interval
