"""Which policy axes and which hooks there are; imports nothing, so that `mmrun check` may ask.

A hook is called as `name(m, ...)` with the machine and 64-bit integers and answers with one. `failed` is the answer
that stands for one that raised an exception: it ends the loops that ask, until the engine sees that the run is over.
"""

from collections.abc import Mapping
from typing import NamedTuple

AXES = {
    "lru": "page replacement: which pages of a lruvec are scanned, kept, activated, reclaimed",
    "kswapd": "background reclaim: when a node is balanced, how its daemon works towards that",
    "direct_reclaim": "reclaim by the allocating or charging task itself",
    "reclaim_writeback": "what reclaim does with the dirty file pages it meets",
    "watermarks": "free-page levels at which reclaim starts and stops",
    "zonelist": "order in which zones are tried when one is full",
    "pcp": "sizes of the per-CPU free lists and page batches",
    "swap_readahead": "which swap slots are read around a faulting one",
    "memcg": "memory controller: which groups reclaim visits, in which order, and what protects them",
    "shrinker": "slab shrinkers: how many objects of a cache a reclaim call asks for",
    "idle": "idle page tracking: who looks at accessed bits, how often",
    "proactive": "proactive reclaim: controllers that shrink groups before there is pressure",
    "reclaim_throttle": "when reclaimers sleep because what they meet is still being written, and for how long",
    "dirty_throttling": "how writers are held back when too much of memory is dirty",
    "dirty_limits": "how many dirty pages a zone or node may hold before pages for write() come from elsewhere",
}
MAX_AXES, MAX_PARAMS = 32, 32  # what the machine record holds: a row an axis, for the parameters of its variant
CORE = ""  # the axis of hooks that no variant defines
NO_FRAME = (1 << 31) - 1  # NONE of model/core/record.py, which imports numpy


class Spec(NamedTuple):
    """One hook: the axis whose variants define it, its arguments after the machine, what its answer means."""

    axis: str
    arguments: tuple[str, ...]
    answer: str
    failed: int = 0
    default: bool = False
    """Whether there is one for variants that define none."""


def _of(axis: str, *specs: tuple[str, str, str] | tuple[str, str, str, int], default: bool = False) -> dict[str, Spec]:
    return {
        spec[0]: Spec(axis, tuple(spec[1].split()), spec[2], spec[3] if len(spec) == 4 else 0, default)
        for spec in specs
    }


TABLE = {
    # Called through the table so that numba compiles each of them once and not into every caller.
    **_of(
        CORE,
        ("shrink_inactive", "sc lruvec lru nr_to_scan", "pages reclaimed"),
        ("shrink_active", "sc lruvec lru nr_to_scan", "0"),
        ("shrink_batch", "sc", "pages freed of those isolated in sc.batch"),
        ("charged_frame", "task gfp", "a frame, or NONE", NO_FRAME),
        ("kernel_frame", "task gfp", "a frame, or NONE", NO_FRAME),
        ("access", "task region page operation", "OK or OUT_OF_MEMORY"),
        ("finish_writes", "", "pages whose writes have ended by now"),
        ("soft_limit_reclaim", "sc", "groups over their soft limits give first, into sc.nr_reclaimed, nr_scanned; 0"),
        ("slab_frame", "task group", "a frame for slab objects, or NONE; group: whom to charge or NO_GROUP", NO_FRAME),
        ("slab_access", "task region object operation", "OK or OUT_OF_MEMORY"),
    ),
    # What actors do on stacks of their own; 0.
    **_of(
        CORE,
        ("actor_life", "actor", "what it does, once"),
        ("task_turn", "task", "runs until its turn ends"),
        ("kswapd", "node", "balance_pgdat, for ever"),
        ("flusher", "wb", "writes what is dirty, for ever"),
        ("scanner", "scanner", "idle_step, for ever"),
        ("controller", "controller", "proactive_step, for ever"),
    ),
    # For lruvecs with an active and an inactive list there are defaults.
    **_of(
        "lru",
        ("lruvec_begin", "sc", "start on sc.lruvec; 1 = there is something to do"),
        ("lruvec_round", "sc", "one bounded piece of work on it, adding to sc.round_reclaimed; 1 = there is more"),
        ("lruvec_end", "sc", "done with it for this pass"),
        ("page_referenced", "frame sc", "young words that map it, cleared; plus 1 << 16 for an executable mapping"),
        default=True,
    ),
    **_of(
        "lru",
        ("new_anon_active", "", "1 = a fresh anonymous page starts on the active list"),
        ("prepare_scan", "sc", "what may be deactivated, cache_trim and costs, before a node or zone is shrunk"),
        ("scan_count", "sc", "how much of each list to scan, into sc.nr"),
        ("after_round", "sc", "1 = enough, stop shrinking this lruvec", 1),
        ("age_anon", "sc", "1 = shrink one batch of active anon after the lruvec"),
        ("may_shrink_active", "sc file", "1 = the active list may be scanned"),
        ("check_references", "frame young executable", "RECLAIM .. ACTIVATE; young: page-table words that were"),
        ("note_inactive", "lruvec file scanned reclaimed pageout", "after a batch from an inactive list"),
        ("note_active", "lruvec file young rotated", "after a batch from an active list"),
        ("refault", "frame shadow", "a page comes back that was evicted before"),
        ("evict", "frame sc", "the shadow to leave behind, 0 = none"),
        ("age_nonresident", "lruvec", "a page was activated"),
        ("end_reclaim", "sc", "a direct or memcg reclaim call ends"),
    ),
    **_of(
        "kswapd",
        ("balance_pgdat", "node", "reclaim on it until it is balanced or this is in vain; 0"),
        ("kswapd_try_to_sleep", "node", "rest until somebody wakes its daemon, unless there is more to do; 0"),
        ("kswapd_needed", "zone highest_zoneidx", "1 = an allocation that left the zone low should wake the daemon"),
    ),
    **_of(
        "direct_reclaim",
        ("direct_reclaim", "node gfp nodemask", "pages reclaimed"),
        ("retry_zone", "node fruitless nodemask", "zone + 1 for whose sake to try again, 0: out of memory"),
        ("memcg_reclaim", "memcg nr_to_reclaim swappiness proactive", "pages reclaimed; swappiness -1: the group's"),
    ),
    **_of(
        "reclaim_writeback",
        ("pageout_file", "frame sc verdict", "what reclaim does with a dirty file page: KEEP or ACTIVATE"),
        ("meet_writeback", "frame sc", "and with one being written: KEEP, ACTIVATE, or RECLAIM_PAGE: waited for"),
        ("all_dirty", "sc", "every page of a batch was dirty and none was being written"),
    ),
    # May sleep; they answer 0.
    **_of(
        "reclaim_throttle",
        ("throttle_batch", "sc", "after a batch from an inactive list"),
        ("throttle_node", "sc", "after the lruvecs of a node (or zone) were shrunk at one priority"),
        ("throttle_pass", "sc preferred_zone", "after a direct reclaimer's pass at one priority"),
        ("throttle_kswapd", "node below_min", "after a pass of kswapd in trouble; 1 = a zone is below min"),
        ("throttle_retry", "zone fruitless", "before an allocation tries again"),
    ),
    **_of(
        "memcg",
        ("first_group", "sc", "the group whose lruvec is shrunk first, -1 = none", -1),
        ("next_group", "sc group", "the one after it, -1 = the walk is over", -1),
        ("may_shrink", "sc group", "0 = it is protected, pass it over; how much of it is into sc.protection"),
        ("over_high", "task in_kernel", "what follows from charges beyond memory.high; 0"),
    ),
    **_of(
        "memcg",
        ("limit_reclaim", "memcg nr_to_reclaim", "pages reclaimed because a charge found the group at its limit"),
        default=True,
    ),
    **_of(
        "dirty_throttling",
        ("balance_dirty_pages_ratelimited", "task", "it dirtied a page of task.balance_wb and may sleep for it; 0"),
        ("update_bandwidth", "wb began", "some of what the flusher began at jiffy `began` was submitted; 0"),
    ),
    **_of(
        "dirty_limits",
        ("dirty_ok", "zone", "1 = dirty pages are within its limit, a page for write() may come from it"),
    ),
    **_of(
        "shrinker",
        ("shrink_slab", "sc group", "objects freed, after the group's lruvec on the node (or zone) was shrunk"),
        ("shrink_slab_pass", "sc", "the same, after one priority: of a task's zonelist, of kswapd's zone or node"),
    ),
    **_of(
        "idle",
        ("idle_step", "scanner", "the next bounded piece of work, time passing on m.now; when to go on (ns)"),
    ),
    **_of("proactive", ("proactive_step", "controller", "the same for a controller in user space")),
    **_of("swap_readahead", ("swap_window", "region page slot", "where to read around a swap-in: swap.window")),
}  # fmt: skip
HOOKS = {name: len(spec.arguments) for name, spec in TABLE.items()}  # number of integer arguments after the machine
SLOTS = 256  # of the machine's table of hooks
# Where the hooks of an axis begin in it: written out, so that a new hook moves none of another axis.
FIRST_SLOT = {
    CORE: 0, "lru": 32, "kswapd": 64, "direct_reclaim": 72, "reclaim_writeback": 80, "reclaim_throttle": 88,
    "memcg": 96, "dirty_throttling": 104, "dirty_limits": 112, "shrinker": 116, "idle": 120, "proactive": 124,
    "swap_readahead": 128,
}  # fmt: skip


def places(table: Mapping[str, Spec], first: Mapping[str, int]) -> dict[str, int]:
    """The slot of each hook; ValueError where an axis has more hooks than room before the next one."""
    found: dict[str, int] = {}
    taken: dict[int, str] = {}
    free = dict(first)
    for name, spec in table.items():
        slot = found[name] = free[spec.axis]
        if slot in taken or slot >= SLOTS:
            raise ValueError(f"no slot for the hook {name}: {slot} is {taken.get(slot, 'beyond the table')}")
        taken[slot] = name
        free[spec.axis] += 1
    return found


HOOK_INDEX = places(TABLE, FIRST_SLOT)


def signature(name: str) -> str:
    """How a hook is defined: `check_references(m, frame, young, executable)`."""
    return f"{name}({', '.join(('m', *TABLE[name].arguments))})"
