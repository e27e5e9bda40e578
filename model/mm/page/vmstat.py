"""What every CPU does once a second for its per-CPU lists (mm/vmstat.c: vmstat_update, refresh_cpu_vm_stats)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.page.pcp import BATCH_SCALE_MAX, drain_pcp
from mmrun.model.mm.page.state import pcp_settings, pcp_state, pcps, zones

INTERVAL = 1_000_000_000  # ns, sysctl_stat_interval: HZ


@kernel
def decay_pcp_high(m, cpu, z):
    """The high mark sinks by an eighth towards its least, and what is above it is returned (6.7)."""
    pcp = pcps(m)[cpu, z]
    if pcp.high > pcp.high_min:
        pcp.high = max(pcp.count - (pcp.batch << BATCH_SCALE_MAX), pcp.high - (pcp.high >> 3), pcp.high_min)
    if pcp.count > pcp.high:
        drain_pcp(m, cpu, z, pcp.count - pcp.high, 0)


@kernel
def drain_zone_pages(m, cpu, z):
    """Return a batch, from the first list on."""
    drain_pcp(m, cpu, z, pcps(m)[cpu, z].batch, 0)


@kernel
def _drain_remote(m, cpu, z):
    """A batch of the zone of another node goes back once its lists have not been used for three seconds."""
    pcp = pcps(m)[cpu, z]
    if zones(m)[z].node == cpus(m)[cpu].node:
        pcp.expire = 0
        return
    pcp.expire -= 1
    if pcp.expire == 0:
        drain_zone_pages(m, cpu, z)


@rare
@kernel
def _look_at_lists(m):
    """Every CPU looks at its lists of all zones; a worker of its own does, so whoever is to run next loses no time."""
    now = m.now
    pcp_state(m).next_update += ((m.now - pcp_state(m).next_update) // INTERVAL + 1) * INTERVAL
    for z in range(geometry(m).nr_zones):
        zones(m)[z].unfolded = zones(m)[z].unfolded_cma = 0
    for cpu in range(geometry(m).nr_cpus):
        for z in range(geometry(m).nr_zones):
            if pcp_settings(m).tuned:
                decay_pcp_high(m, cpu, z)
            if pcps(m)[cpu, z].expire and pcps(m)[cpu, z].count:
                _drain_remote(m, cpu, z)
    m.now = now


@kernel
def vmstat_update(m):
    """Where a second is over, every CPU looks at its lists of all zones."""
    if m.now >= pcp_state(m).next_update:
        _look_at_lists(m)
