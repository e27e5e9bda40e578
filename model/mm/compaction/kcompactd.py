"""The daemon of a node that compacts: for a block that kswapd has freed memory for, since 5.9 unasked (kcompactd)."""

from mmrun.model.core.accounting import COMPACTION, IN_MEMSTALL, begins, ends
from mmrun.model.core.actor import actor
from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.sleep import FOREVER, wait, wake
from mmrun.model.machine.state import costs, geometry, nodes
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.compaction.compact_zone import (
    begin_control,
    compact_node,
    compact_zone,
    kswapd_is_running,
    score_marks,
)
from mmrun.model.mm.compaction.deferral import compaction_defer_reset, compaction_deferred, defer_compaction
from mmrun.model.mm.compaction.fragmentation import fragmentation_score_node
from mmrun.model.mm.compaction.state import compact_controls, compaction_count, compaction_settings, kcompactds
from mmrun.model.mm.compaction.suitable import (
    COMPACT_SUCCESS,
    COMPLETE,
    CONTINUE,
    PARTIAL_SKIPPED,
    suit_allocation_order,
)
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.migrate.state import ASYNC, SYNC_LIGHT
from mmrun.model.mm.page.gfp import GFP_KERNEL, HIGHEST
from mmrun.model.mm.page.pcp import drain_all_pcps
from mmrun.model.mm.page.state import zones
from mmrun.model.units import MS

CHECK_NS = 500 * MS  # HPAGE_FRAG_CHECK_INTERVAL_MSEC: how often a node is looked at unasked
PUT_OFF = 6  # COMPACT_MAX_DEFER_SHIFT: 64 times as long after compaction that changed nothing


@kernel
def _wanted(m, z, order, highest):
    """Whether a pass of the daemon for this order would do something in zone `z`; its control, set for it."""
    c = begin_control(m, z, order, SYNC_LIGHT, GFP_KERNEL)
    compact_controls(m)[c].highest = highest
    return c, suit_allocation_order(m, compact_controls(m)[c]) == CONTINUE


@kernel
def _node_suitable(m, nid, order, highest):
    """Whether some zone that the request may use is worth compacting (kcompactd_node_suitable)."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].managed and zones(m)[z].kind <= highest:
            _, wanted = _wanted(m, z, order, highest)
            if wanted:
                return True
    return False


@kernel
def kcompactd_do_work(m, nid, order, highest):
    """Compact each zone of the node for a block of the order."""
    node, count = nodes(m)[nid], compaction_count(m)
    count.compact_daemon_wake += 1
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].managed == 0 or zones(m)[z].kind > highest or compaction_deferred(m, z, order):
            continue
        c, wanted = _wanted(m, z, order, zones(m)[z].kind)
        if not wanted:
            continue
        cc = compact_controls(m)[c]
        cc.highest = highest
        found = compact_zone(m, c)
        if found == COMPACT_SUCCESS:
            compaction_defer_reset(m, z, order, False)
        elif found in (COMPLETE, PARTIAL_SKIPPED):
            drain_all_pcps(m, z)
            defer_compaction(m, z, order)
        count.compact_daemon_migrate_scanned += cc.migrate_scanned
        count.compact_daemon_free_scanned += cc.free_scanned


@kernel
def _look_unasked(m, nid):
    """Compact the node if it is too fragmented; how long to wait until the next look (ns)."""
    own = compaction_settings(m)
    if not own.compaction_proactiveness or kswapd_is_running(m, nid):
        return CHECK_NS
    _, high = score_marks(m)
    before = fragmentation_score_node(m, nid)
    if before <= high:
        return CHECK_NS
    compact_node(m, nid, 1)
    return CHECK_NS << PUT_OFF if fragmentation_score_node(m, nid) >= before else CHECK_NS


@actor(per="kcompactd")
def kcompactd(m, nid):
    """The daemon of a node: rests until it is woken or it is time to look, compacts, for ever."""
    own, count, timeout = kcompactds(m)[nid], compaction_count(m), CHECK_NS
    own.highest = HIGHEST
    while m.broken == 0:
        if own.order == 0 and not own.trigger:
            unasked = compaction_settings(m).compaction_proactiveness > 0
            wait(m, own.wait, timeout_ns(m, timeout) if unasked else FOREVER)
        began, timeout = m.now, CHECK_NS
        if own.order and not own.trigger:
            order, highest = own.order, own.highest
            begins(m, IN_MEMSTALL)
            kcompactd_do_work(m, nid, order, highest)
            ends(m, IN_MEMSTALL)
            if own.order <= order:
                own.order = 0
            if own.highest >= highest:
                own.highest = HIGHEST
        else:
            own.trigger = 0
            timeout = _look_unasked(m, nid)
        count.compact_daemon_ns += m.now - began
    return 0


@kernel
def compact_as_kswapd(m, nid, order):
    """A kswapd compacts its node without waiting for anything before it sleeps (compact_pgdat, 3.4 to 4.5)."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].managed and not compaction_deferred(m, z, order):
            compact_zone(m, begin_control(m, z, order, ASYNC, GFP_KERNEL))


@hook
def wakeup_kcompactd(m, node, order, highest_zoneidx):
    """A block of the order is wanted on the node: its daemon, to 4.5 kswapd itself, compacts if that is of use."""
    own = compaction_settings(m)
    if order == 0 or not own.compacts:
        return 0
    if own.kswapd_compacts:
        compact_as_kswapd(m, node, order)
        return 0
    daemon = kcompactds(m)[node]
    daemon.order, daemon.highest = max(daemon.order, order), min(daemon.highest, highest_zoneidx)
    if daemon.wait.first and _node_suitable(m, node, daemon.order, daemon.highest):
        wake(m, daemon.wait, 1, m.now + costs(m).kswapd_wake)
    return 0


# In the kernel: sysctl_compaction_handler, compact_store.
@hook
def compact_memory(m, task, node):
    if not compaction_settings(m).compacts:
        return OK
    begins(m, COMPACTION)
    lru_add_drain_all(m)
    for nid in range(geometry(m).nr_nodes):
        if node in (0, nid + 1):
            compact_node(m, nid, 0)
    ends(m, COMPACTION)
    return OK


# In the kernel: compaction_proactiveness_sysctl_handler.
@hook
def set_proactiveness(m, task, value):
    compaction_settings(m).compaction_proactiveness = value
    for nid in range(geometry(m).nr_nodes):
        if kcompactds(m)[nid].wait.first:
            kcompactds(m)[nid].trigger = compaction_settings(m).compact_trigger * (value > 0)
            wake(m, kcompactds(m)[nid].wait, 1, m.now + costs(m).kswapd_wake)
    return OK
