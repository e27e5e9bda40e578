"""Per-CPU lists since 6.9: batches double while nothing is freed, and high tunes itself; folio batches of 31.

Every refill raises high by what it takes, up to an eighth of the zone shared among CPUs; frees while the zone is
reclaimed or below its high watermark lower it by what was freed in a row, and so does every quiet second by an eighth
(`vmstat`). The tuning is of 6.7.
"""

from mmrun.model.core.parameters import parameters
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.pcp import BATCH_SCALE_MAX, COSTLY_ORDER, drain_from
from mmrun.model.mm.page.state import pcps, zones
from mmrun.policy import hook, kernel

SOURCE = "mm/page_alloc.c: zone_batchsize, nr_pcp_alloc, nr_pcp_high, nr_pcp_free; include/linux/pagevec.h, 6.9 to 6.18"
LRU_BATCH = 31
HIGH_ORDERS = True
LEAST_FRACTION = 8  # MIN_PERCPU_PAGELIST_HIGH_FRACTION
PARAMS = {
    "half_of_high": (False, "", "blocks of order 1 to 3 freed in a row drain at half of the least high more than a "
                     "batch", "mm: pcp: increase pcp->free_count threshold to trigger free_high, 6.16"),
}  # fmt: skip
params = parameters("pcp", PARAMS, 36)


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages; high is the least one where it tunes itself."""
    batch = max(1, min(managed >> 12, 64))
    batch = max(1, (1 << (batch + batch // 2).bit_length() - 1) - 1)
    return batch, max(low_wmark // max(1, node_cpus), 4 * batch)


def high_max(managed: int, batch: int, node_cpus: int) -> int:
    """The most that high may come to, in pages (zone_highsize)."""
    return max(managed // LEAST_FRACTION // max(1, node_cpus), 4 * batch)


@kernel
def blocks_of(pages, order):
    """A batch of pages in blocks, two at least where a batch is more than a page."""
    return max(pages >> order, 2) if pages > 1 else pages


@hook
def pcp_refill(m, cpu, z, order):
    """A batch, doubled with each refill that follows one without a free in between (nr_pcp_alloc)."""
    pcp = pcps(m)[cpu, z]
    high = pcp.high = max(pcp.high_min, min(pcp.high, pcp.high_max))
    if high < pcp.batch:
        return 1
    wanted = pcp.batch if order else pcp.batch << pcp.alloc_factor
    if pcp.high_min != pcp.high_max and not zones(m)[z].below_high:
        high = pcp.high = min(high + wanted, pcp.high_max)
    if order == 0:
        most = max(high - pcp.count - pcp.batch, pcp.batch)
        if wanted <= most and pcp.alloc_factor < BATCH_SCALE_MAX:
            pcp.alloc_factor += 1
        wanted = min(wanted, most)
    return blocks_of(wanted, order)


@kernel
def _threshold(m, cpu, z):
    """What the list may hold at present; high moves with it (nr_pcp_high)."""
    pcp = pcps(m)[cpu, z]
    high = pcp.high = max(pcp.high_min, min(pcp.high, pcp.high_max))
    freed = max(pcp.free_count, pcp.batch)
    if high == 0:
        return 0
    if zones(m)[z].reclaim_active:
        pcp.high = max(high - freed, pcp.high_min)
        return min(pcp.batch << 2, pcp.high)
    if pcp.high_min == pcp.high_max:
        return high
    if zones(m)[z].below_high:
        pcp.high = max(high - freed, pcp.high_min)
        return max(pcp.count, pcp.high_min)
    if pcp.count >= high:
        pcp.high = max(pcp.high, min(pcp.free_count + pcp.batch, pcp.high_max))
    return high


@hook
def pcp_excess(m, cpu, z, order):
    """What was freed in a row, once there is more than the list may hold; many blocks of order 1 to 3 drain at once."""
    pcp = pcps(m)[cpu, z]
    if order:
        few = pcp.batch + (pcp.high_min // 2 if params(m).half_of_high else 0)
        many = order <= COSTLY_ORDER and pcp.free_count >= few and pcp.freed_high and pcp.count >= pcp.batch
        pcp.freed_high = 1 if order <= COSTLY_ORDER else 0
        if pcp.free_count < pcp.free_limit:
            pcp.free_count += 1 << order
        if many and pcp.high:
            pcp.high = max(pcp.high - pcp.free_limit, pcp.high_min)
            return min(pcp.count, pcp.free_limit)
    high = _threshold(m, cpu, z)
    if pcp.count < high:
        return 0
    return 1 if high < pcp.batch else max(pcp.batch, min(pcp.free_count, high - pcp.batch))


@hook
def pcp_drain(m, cpu, z, count, index):
    """List by list from the one freed to; then the zone is tested against its high watermark if it was below."""
    drain_from(m, cpu, z, count, index)
    zone = zones(m)[z]
    if zone.below_high and zone.nr_free > zone.wmark_high + zone.reserve[HIGHEST]:
        zone.below_high = 0
    return 0
