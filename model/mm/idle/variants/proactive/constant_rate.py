"""Ask every group for the same number of pages a second, whatever it costs: what controllers have to beat."""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.limits.limits import proactive_reclaim
from mmrun.model.mm.memcg.pressure import is_target

SOURCE = "a loop over memory.reclaim, 5.19"
CONTROLLERS = 1
PARAMS = {
    "pages_per_s": (
        64,
        "pages/s",
        "pages asked of every group",
        "arbitrary",
        (0, 17_179_869_184, "64 TiB, the largest machine"),
    )
}
params = parameters("proactive", PARAMS, 305)
SECOND = 1_000_000_000


@hook
def proactive_step(m, controller):
    started = m.now
    if started:
        for memcg in range(geometry(m).nr_memcgs):
            if is_target(m, memcg):
                m.now += costs(m).syscall
                proactive_reclaim(m, memcg, params(m).pages_per_s, -1)
    return started + SECOND
