"""memory.min and memory.low: how much of a group's memory reclaim must leave alone (mm/page_counter.c, mm/vmscan.c).

A group's settings hold only as far as its parents' do: what reclaim respects is computed on the way down, for the
groups it visits, and stays behind in `emin` and `elow`.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import kernel
from mmrun.model.mm.memcg.memcontrol import EVENT_LOW, event
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.reclaim.state import scans


@kernel
def effective_protection(usage, parent_usage, setting, parent_effective, siblings, recursive):
    """Pages protected out of `usage`, when the parent can afford `parent_effective` and its children claim `siblings`.

    `recursive`: what the children do not claim is handed out in proportion to their unprotected usage.
    """
    protected = min(usage, setting)
    if siblings > parent_effective:
        return protected * parent_effective // siblings
    if recursive and parent_effective > siblings and parent_usage > siblings and usage > protected:
        protected += (parent_effective - siblings) * (usage - protected) // (parent_usage - siblings)
    return protected


@kernel
def claimed_protection(usage, setting, parent_effective, siblings):
    """The same until 5.6, whatever is used: `siblings` is what those use that are not above their own (4.18)."""
    effective = min(setting, parent_effective)
    if effective and siblings:
        return min(effective, parent_effective * min(usage, setting) // siblings)
    return effective


@kernel
def calculate_protection(m, root, memcg, recursive):
    """Set `emin` and `elow` of a group for reclaim from `root` down; its parents' were set when they were visited.

    In the kernel: mem_cgroup_calculate_protection.
    """
    group = memcgs(m)[memcg]
    if memcg == root or group.usage == 0:
        return
    if group.parent == root:
        group.emin, group.elow = group.memory_min, group.memory_low
        return
    above = memcgs(m)[group.parent]
    if not memcg_settings(m).shares_overcommitted:
        group.emin = claimed_protection(group.usage, group.memory_min, above.emin, above.children_min)
        group.elow = claimed_protection(group.usage, group.memory_low, above.elow, above.children_low)
        return
    group.emin = effective_protection(
        group.usage, above.usage, group.memory_min, above.emin, above.children_min, recursive
    )
    group.elow = effective_protection(
        group.usage, above.usage, group.memory_low, above.elow, above.children_low, recursive
    )


@kernel
def below_low(m, root, memcg):
    """Whether a group and all above it use less than their memory.low (mem_cgroup_low, to 4.17).

    To 4.12 that includes the group that is reclaimed from, but for the whole machine.
    """
    at = memcg
    while at:
        if memcgs(m)[at].usage >= memcgs(m)[at].memory_low:
            return False
        if at == root:
            return True
        at = memcgs(m)[at].parent
        if at == root and not memcg_settings(m).low_of_root:
            return True
    return True


@kernel
def spares(m, s, memcg):
    """Whether reclaim passes a group over that is below its low, as all above it are (to 4.17)."""
    sc = scans(m)[s]
    if memcg == 0 or (memcg == sc.memcg and not memcg_settings(m).low_of_root) or not below_low(m, sc.memcg, memcg):
        return False
    if sc.low_reclaim:
        event(m, memcg, EVENT_LOW)
    else:
        sc.low_skipped = 1
    return not sc.low_reclaim


@kernel
def below_protection(m, s, memcg):
    """Whether reclaim `s` must pass the group over: below its min; below its low, unless nothing else is left."""
    sc, group = scans(m)[s], memcgs(m)[memcg]
    if memcg == 0 or memcg == sc.memcg:
        return False
    if group.usage <= group.emin:
        return True
    if group.usage <= group.elow:
        if not sc.low_reclaim:
            sc.low_skipped = 1
            return True
        event(m, memcg, EVENT_LOW)
    return False


@kernel
def protect(m, s, memcg, recursive):
    """Protection since 5.4: 0 = pass the group over; else the share of it to leave alone is in `sc.protection`."""
    sc = scans(m)[s]
    calculate_protection(m, sc.memcg, memcg, recursive)
    if below_protection(m, s, memcg):
        return 0
    proportional(m, s, memcg)
    return 1


@kernel
def proportional(m, s, memcg):
    """Note how much of a group that is scanned is protected: by memory.low unless nothing else is left, else by min."""
    sc, group = scans(m)[s], memcgs(m)[memcg]
    if memcg != 0 and memcg != sc.memcg and (group.emin or group.elow):
        sc.protection = group.emin
        if not sc.low_reclaim and group.elow > group.emin:
            sc.protection, sc.low_skipped = group.elow, 1
        sc.usage = max(group.usage, sc.protection)


@kernel
def unprotected(m, s, size):
    """What of a list of `size` pages counts towards the scan target: less the more of the group is protected."""
    sc = scans(m)[s]
    if sc.protection == 0:
        return size
    return max(size - size * sc.protection // (sc.usage + 1), SWAP_CLUSTER_MAX)
