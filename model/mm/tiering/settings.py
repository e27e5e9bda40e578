"""Memory tiers: what can be set, varied and read."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Axis, Case, Cause, Matters, Subject, Told, counters, hooks
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record


def promotes(case: Case) -> bool:
    """Whether hint faults bring pages to faster nodes."""
    return bool((case.cell.vm.numa_balancing or 0) & MEMORY_TIERING)


def has_tiers(case: Case) -> bool:
    """Whether nodes are of several tiers."""
    nodes = case.cell.machine.nodes
    return any(node.cpus == 0 for node in nodes) or len({node.tier for node in nodes}) > 1


TIERED = Matters("a machine with nodes of several tiers", lambda case, _: has_tiers(case))
MOVED_BETWEEN_TIERS = Matters(
    "a cell with nodes of several tiers and vm.demotion_enabled or vm.numa_balancing",
    lambda case, _: has_tiers(case) and bool(case.cell.vm.demotion_enabled or case.cell.vm.numa_balancing),
)
PROMOTED = Matters("a cell with vm.numa_balancing 2 or 3", lambda case, _: promotes(case))

AXES = (Axis("tiering", 30, "memory tiers: which pages of slow nodes are promoted when they are used", (), PROMOTED),)

HOOKS = {
    **hooks(
        CORE,
        77,
        ("demote", "sc", "pages moved to slower nodes of those that sc.candidates says of sc.batch"),
        optional=True,
    ),
    **hooks(
        "tiering",
        79,
        ("should_promote", "task frame node", "1 = the page, on a slow node, moves to this one, where it is used"),
    ),
}

NODE_COUNTERS = counters("""
pgpromote_success | none | pages that hint faults moved here from a slower node
pgpromote_candidate | none | pages of slower nodes that hint faults found hot enough to move here
pgpromote_candidate_nrl | none | the same while this node had so much room that nobody asked how hot they were (6.18)
pgdemote_kswapd | none | pages that the node's kswapd moved to slower nodes
pgdemote_direct | none | pages that reclaiming tasks moved from here to slower nodes
pgdemote_proactive | none | pages moved from here to slower nodes because user space asked for reclaim
demotion_ns | lower | part of the time of the node's kswapd: moving pages to slower nodes | ns
promotion_refused | lower | pages not moved here for want of room
promoted_again | lower | pages moved here within `sampling.ping_pong` of having been moved away to a slower node
demoted_again | lower | pages moved away to a slower node within `sampling.ping_pong` of having been moved here
""")

TIER_GAUGES = counters("""
top_tier_pages | higher | pages of tasks on nodes of the fastest tiers when the run ends
lower_tier_pages | none | pages of tasks on slower nodes when the run ends
""")
TIER_TOLD = counters("""
top_tier_ratio | higher | touches of pages on nodes of the fastest tiers, of all touches | 1
""", unit="1")  # fmt: skip
TOLD = (
    Told("machine", TIER_GAUGES, sampled=True, when=has_tiers),
    Told("machine", TIER_TOLD, when=has_tiers),
)

FIXED = {"demotion_enabled": "tables of the machine follow from it"}


@record
class Sysctl(Record):
    """Settings under /sys/kernel/mm/numa, /proc/sys/kernel and debugfs, sched/numa_balancing."""

    demotion_enabled: Annotated[int, TIERED] | None = None
    """1: reclaim moves pages to nodes of a lower tier before it drops or swaps them (5.15); default 0."""
    numa_balancing_promote_rate_limit_MBps: Annotated[int, Range(ge=1, le=1 << 30), PROMOTED] | None = None
    """Pages that may be promoted to a node in a second, MiB (6.1); default 65536."""
    numa_balancing_hot_threshold_ms: Annotated[int, Range(ge=1, le=3_600_000), PROMOTED] | None = None
    """A page used so soon after it was marked is hot, ms, to begin with (6.1); default 1000."""


CAUSES = (
    Cause(
        ("pgpromote_success", "pgdemote_kswapd", "pgdemote_direct", "stall_demotion_ns", "demotion_ns"),
        (
            "pgpromote_candidate", "pgpromote_success", "promotion_refused", "promoted_again", "pgdemote_kswapd",
            "pgdemote_direct", "demoted_again", "numa_hint_faults", "remote_touches",
        ),
        ("migrate:*", "vmscan:mm_vmscan_wakeup_kswapd"),
    ),
    Cause(
        ("hit_ns", "remote_touches", "top_tier_ratio"),
        ("pgpromote_success", "promoted_again", "pgdemote_kswapd", "pgdemote_direct", "demoted_again"),
        ("migrate:*",),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "tiering",
        "A slow tier is a node without CPUs (`cpus: 0`), or of a higher `machine.nodes[].tier`, with a latency and "
        "bandwidth of its own. Reclaim moves cold pages there with `vm.demotion_enabled`, hint faults bring hot ones "
        "back with `vm.numa_balancing` 2 (docs/tiering.md).",
        ("machine.nodes", "demotion_enabled", "numa_balancing", "pgdemote_kswapd", "pgpromote_success", "tiering"),
        ("cxl", "demotion", "promotion", "memory tiers", "memory_tiers", "pmem", "tpp", "hot page selection"),
    ),
)
