"""What can be varied and read: who gives out addresses, queues of what awaits a flush, counters, costs."""

from typing import Any

from mmrun.model.core.mechanism import CORE, Axis, Case, Matters, Subject, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds


def translated(machine: Any) -> list[str]:
    """Names of the devices in use that a unit translates for."""
    return [name for name in machine.use if name in machine.devices and machine.devices[name].iommu]


def has_iovas(case: Case) -> bool:
    """Whether any device of the cell is given addresses by a unit."""
    return bool(translated(case.cell.machine))


HAS_IOVAS = Matters("a machine that uses a device behind an IOMMU", lambda case, _: has_iovas(case))
AXES = (Axis("iova", 22, "how addresses for devices behind an IOMMU are found", ("QUEUE",), HAS_IOVAS),)

HOOKS = {
    **hooks(
        "iova", 129,
        ("alloc_iova", "domain pages limit_pfn", "first page number of a free range up to and with limit_pfn, or 0"),
        ("free_iova", "domain iova pages", "0, after the range can be given out again"),
    ),
    **hooks(
        "iova", 131,
        ("try_iova", "domain pages limit_pfn", "the same, but what CPUs keep for themselves stays theirs"),
        default=True,
    ),
    **hooks(
        CORE, 132,
        ("flush_queue_timer", "domain", "frees what a flush has made free, 10 ms after it was first queued, for ever"),
        ("iova_depot_work", "domain", "gives addresses of the depots back to the tree, a magazine each 100 ms"),
        optional=True,
    ),
    **hooks(
        CORE, 162,
        ("flush_iotlb_all", "domain", "0, after the unit holds no translation of the domain"),
        ("free_tables", "head", "0, after the chain of page tables from frame `head` on is free"),
        optional=True,
    ),
}  # fmt: skip

IOVA_COUNTERS = counters("""
iova_allocs | none | ranges of addresses that were asked for | ranges
iova_alloc_fail | lower | of those, that there was none for | ranges
iova_tree_allocs | lower | of those, found in the tree | ranges
iova_tree_frees | lower | ranges that went back to the tree | ranges
iova_cache_hits | higher | ranges found in a CPU's magazines or a depot | ranges
iova_walk_steps | lower | ranges that searches went past, each a step of the walk (rb_prev) | steps
iova_walk_max | lower | the longest search | steps
iova_cache_flushes | lower | times that all CPUs' magazines were emptied for want of addresses | events
iova_depot_trimmed | none | magazines that a depot gave back to the tree | magazines
iova_lock_ns | lower | time for which locks of addresses were held | ns
iova_lock_wait_ns | lower | time that CPUs waited for them | ns
fq_queued | none | ranges that were unmapped and had to wait for a flush | ranges
fq_flush_full | lower | flushes because a queue was full | events
fq_flush_timer | lower | flushes because the oldest entry had waited long enough | events
""")
COUNTERS = IOVA_COUNTERS  # of the machine


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_IOVAS
    iova_alloc: Nanoseconds = 30
    """An address without a search, from a magazine too (92 cycles at 3.1 GHz: Malka et al., ASPLOS 2015, strict+)."""
    iova_step: Nanoseconds = 13
    """Going past a range in the tree (rb_prev): 40 cycles, as the trees of a few rings stay in the last-level cache;
    50-100 ns where they do not (estimate)."""
    iova_level: Nanoseconds = 8
    """A level of the tree on the way to a range (249 cycles for the whole way, ten levels: Malka et al., strict)."""
    iova_free: Nanoseconds = 51
    """Taking a range out of the tree (159 cycles; the same)."""
    iova_cache: Nanoseconds = 19
    """Pushing to a magazine, or finding none (57-62 cycles for freeing: the same, strict+ and defer+)."""
    iova_word: Nanoseconds = 2
    """A word of 64 pages in a bitmap (estimate)."""
    fq_entry: Nanoseconds = 58
    """An entry of a flush queue, in and out (205 cycles of `other` when deferred, 26 when strict: Malka et al.)."""


SUBJECTS = (
    Subject(
        "iova",
        "Addresses for devices behind an IOMMU are page numbers of a domain of their own. Who finds a free range, and "
        "what a search costs when long-lived mappings stand in its way, is the axis `iova`; unmapped ranges wait in a "
        "flush queue where invalidations are put off (axis `iommu`).",
        ("iova", "iova_walk_steps", "iova_cache_hits", "fq_flush_full", "fq_flush_timer"),
        ("iova allocator", "alloc_iova_fast", "rcache", "magazine", "flush queue", "queue_iova", "iova_domain"),
    ),
)
