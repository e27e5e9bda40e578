"""How hot a page of a slow node is, how many may be promoted (numa_hint_fault_latency, numa_promotion_rate_limit)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import node_count, nodes
from mmrun.model.mm.numa_balancing.prot_none import ACCESS_TIME_BITS, access_time
from mmrun.model.mm.numa_balancing.state import last_cpupid
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import watermark_ok
from mmrun.model.mm.tiering.state import STEPS, tier_settings, tiers

MS, SECOND_MS = 1_000_000, 1000
ROOMY, ROOMY_SHIFT = 1 << 18, 4  # free beyond the promo mark: 1 GiB, or a sixteenth of the node


@kernel
def latency(m, pfn):
    """How long after it was marked the page is used, ms; the time of its use stands in place of that of its mark."""
    marked, now = last_cpupid(m)[pfn], access_time(m)
    last_cpupid(m)[pfn] = now
    return (now - marked) & ((1 << ACCESS_TIME_BITS) - 1)


@kernel
def has_room(m, nid):
    """Whether a zone of the node has so much free that nobody needs to ask how hot pages are."""
    node = nodes(m)[nid]
    roomy = max(ROOMY, node.present >> ROOMY_SHIFT)
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone, gap = zones(m)[z], zones(m)[z].wmark_low - zones(m)[z].wmark_min
        if zone.managed and watermark_ok(m, z, 0, zone.wmark_high + gap + roomy, HIGHEST, ALLOC_CMA):
            return True
    return False


@kernel
def adjusted(threshold, candidates, wanted, base):
    """The next threshold (ms) by how many candidates there were and how many may be promoted in that time."""
    step = base * 2 // STEPS
    if candidates > wanted * 11 // 10:
        return max(threshold - step, step)
    if candidates < wanted * 9 // 10:
        return min(threshold + step, base * 2)
    return threshold


@kernel
def adjust_threshold(m, nid, limit, base):
    """Once a minute: fewer candidates if there were more than may be promoted, more if there were fewer.

    In the kernel: numa_promotion_adjust_threshold.
    """
    tier, now, period = tiers(m)[nid], m.now // MS, tier_settings(m).numa_balancing_scan_period_max_ms
    if now - tier.th_start <= period:
        return
    candidates = node_count(m)[nid].pgpromote_candidate
    threshold = tier.threshold if tier.threshold else base
    tier.threshold = adjusted(threshold, candidates - tier.th_candidates, limit * period // SECOND_MS, base)
    tier.th_start, tier.th_candidates = now, candidates


@kernel
def over_limit(m, nid, limit, pages):
    """Count candidates; whether more of them have come in this second than may be promoted."""
    tier, now = tiers(m)[nid], m.now // MS
    node_count(m)[nid].pgpromote_candidate += pages
    candidates = node_count(m)[nid].pgpromote_candidate
    if now - tier.rl_start > SECOND_MS:
        tier.rl_start, tier.rl_candidates = now, candidates
    return candidates - tier.rl_candidates >= limit


@kernel
def note_roomy(m, nid, pfn):
    """A page is promoted whatever it is: the node has room, and its threshold starts anew."""
    tiers(m)[nid].threshold = 0
    node_count(m)[nid].pgpromote_candidate_nrl += nr_pages(m, pfn)
