"""Addresses of a machine record: a domain for each device behind a unit, at most; timers and workers of each."""

from mmrun.model.core.actor import kinds
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.dma.iova.domain import try_iova
from mmrun.model.dma.iova.flush_queue import flush_iotlb_all, flush_queue_timer, free_tables
from mmrun.model.dma.iova.rcache import iova_depot_work
from mmrun.model.dma.iova.settings import translated
from mmrun.model.dma.iova.state import (
    ANCHOR,
    AT_ONCE,
    BINS,
    CALENDAR,
    GLOBAL,
    LOCKS,
    MAGAZINE,
    NEED_FLUSH,
    PER_CPU,
    RING,
    SINGLE_QUEUE,
    TOP_32BIT,
    WORD,
    fq_rings,
    iova_domains,
    iova_pool,
    iova_settings,
    iovas,
)
from mmrun.model.dma.iova.tree import reserve_range
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan

RANGES = 1 << 18  # that there can be at a time, of all domains
INTERRUPTS = (0xFEE00, 0xFEEFF)  # pages that interrupts are written to: never given out
QUEUES = {"need-flush": NEED_FLUSH, "at-once": AT_ONCE}


def domains(plan: Plan) -> int:
    """Domains there can be: one for each device that a unit translates for."""
    return len(translated(plan.cell.machine))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; none without devices behind units."""
    n, cpus = domains(plan), plan.cpus
    ranges = (n + RANGES) * (n > 0)
    locks = (n * LOCKS + 1) * (n > 0)
    return {
        "iova_domains": n, "iovas": ranges, "iova_heads": RANGES * (n > 0),
        "magazines": 2 * ranges // MAGAZINE + n * cpus * BINS * 2, "iova_rcaches": n * cpus * BINS,
        "iova_depots": n * BINS, "fq_entries": (n * (cpus * RING + SINGLE_QUEUE) + RING) * (n > 0),
        "fq_rings": (n * (cpus + 1) + 1) * (n > 0), "iova_words": n * TOP_32BIT // WORD, "iova_locks": locks,
        "iova_calendars": locks * CALENDAR,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """A timer and a worker for each domain."""
    return {"iova_domain": count, "iova_depot": count} if (count := domains(plan)) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What no variant defines; a unit's own hooks take the place of those that do nothing."""
    common = (try_iova, flush_iotlb_all, free_tables)
    return (*common, flush_queue_timer, iova_depot_work) if domains(plan) else common


def place(built: Built) -> None:
    """Domains without any range, empty queues."""
    m, plan, count = built.memory.m, built.plan, domains(built.plan)
    settings = iova_settings(m)
    settings.domains, settings.words, settings.heads = count, TOP_32BIT // WORD, RANGES
    iova_pool(m).used = count
    params, queue = built.cell.policy["iova"].params, built.modules["iova"].QUEUE
    per_version = PER_CPU if era(built.cell.kernel).flags["fq_per_cpu"] else GLOBAL
    for domain in range(count):
        d, anchor = iova_domains(m)[domain], iovas(m)[domain]
        anchor.lo = anchor.hi = ANCHOR
        anchor.above = anchor.below = NONE
        anchor.domain = d.lowest = domain
        d.start, d.max32, d.queue = 1, TOP_32BIT, QUEUES.get(queue, per_version)
        d.anchored = int(params.get("anchored", built.cell.policy["iova"].variant != "tree-2011"))
        d.cached32 = d.cached = domain if d.anchored else NONE
        if built.modules["iova"].QUEUE == "version":
            reserve_range(m, domain, *INTERRUPTS)
    first = 0
    for number in range(count * (plan.cpus + 1) + (count > 0)):
        ring, single = fq_rings(m)[number], number % (plan.cpus + 1) == plan.cpus
        ring.slots = SINGLE_QUEUE if single and number < count * (plan.cpus + 1) else RING
        ring.first, first = first, first + int(ring.slots)


def start(built: Built) -> None:
    """Who looks after each domain."""
    if not domains(built.plan):
        return
    rows = built.memory.table("actors")
    for per, field in (("iova_domain", "timer"), ("iova_depot", "worker")):
        own = (rows["kind"] == kinds(built.plan.actors).index(per)).nonzero()[0]
        built.memory.table("iova_domains")[field] = own
