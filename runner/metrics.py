"""Every number a report can print, declared once: unit, direction, digits, name in print, formula if it is derived.

Counters come from `mmrun.model.counters`; a name with a prefix (`node0.numa_hit`, `task.db.elapsed_ns`) is the same
metric of one node, task or cgroup; a name that is declared nowhere takes its unit from its suffix.
"""

import ast
import difflib
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal, cast

from mmrun.model.catalogue import TOLD
from mmrun.model.core.frozen import frozen
from mmrun.model.counters import (
    COUNTERS,
    DISK_COUNTERS,
    GAUGES,
    LATENCIES,
    NODE_COUNTERS,
    SLAB_COUNTERS,
    TASK_COUNTERS,
    WB_COUNTERS,
    Counter,
)

Better = Literal["lower", "higher", "none"]
Aggregation = Literal["sum", "none"]


@frozen(kw_only=True)
class Metric:
    """One reported number. `expression` is set for derived metrics; `digits` are significant digits in print."""

    name: str
    unit: str
    doc: str
    better: Better = "none"
    label: str = ""
    digits: int = 3
    aggregation: Aggregation = "none"
    """How the values of nodes or tasks make up the machine's, where that is not recorded itself."""
    expression: str | None = None
    after_oom: bool = False
    """Whether the number still means something for a run that the OOM killer ended."""


SUFFIX_UNITS = {"_ns": "ns", "_pages": "pages", "_bytes": "bytes", "_ratio": "1", "_per_s": "1/s"}
PREFIX = re.compile(r"(node\d+|task\.[^.]+(?:\.\d+)?|(?:cgroup|slab|disk|link|swap|server)\.[^.]+)\.(.+)")

LABELS = {
    "elapsed_ns": "elapsed time", "accesses": "accesses", "misses": "misses", "hit_ns": "time of hits",
    "minor_faults": "minor faults", "major_faults": "major faults", "remote_touches": "remote touches",
    "stall_alloc_ns": "stall: direct reclaim", "stall_memcg_ns": "stall: cgroup limit",
    "stall_high_ns": "stall: memory.high", "stall_cpu_ns": "stall: CPU", "stall_fsync_ns": "stall: fsync",
    "stall_oom_ns": "stall: death of a victim", "think_ns": "computation", "not_started_ns": "not started yet",
    "stall_compaction_ns": "stall: compaction", "stall_isolated_ns": "stall: isolated",
    "stall_congestion_ns": "stall: congestion", "stall_writeback_ns": "stall: writeback",
    "stall_congested_ns": "stall: congested", "stall_noprogress_ns": "stall: no progress",
    "stall_pfmemalloc_ns": "stall: reserves",
    "stall_swap_ns": "stall: swap", "stall_request_ns": "stall: full queue, in reclaim",
    "stall_file_ns": "stall: file reads", "stall_lock_ns": "stall: locks", "stall_channel_ns": "stall: memory channel",
    "stall_dirty_ns": "stall: dirty throttling", "stall_queue_ns": "stall: full queue",
    "stall_migration_ns": "stall: migration", "stall_mmap_ns": "stall: mmap_lock", "walk_ns": "page-table walks",
    "stall_journal_ns": "stall: file system",
    "hint_fault_ns": "NUMA hint faults", "numa_scan_ns": "NUMA scans",
    "fault_ns": "fault CPU time", "kswapd_ns": "kswapd CPU time",
    "memory_pages": "memory", "rate_spread_ratio": "spread",
}  # fmt: skip

# name | unit | better | label | meaning, and on the next line the formula
DERIVED = """
elapsed_s | s | lower | elapsed time | simulated time from start to end
    elapsed_ns / 1000000000
per_access_ns | ns | lower | time per access | simulated time per access of all tasks together
    elapsed_ns / accesses
accesses_per_s | 1/s | higher | accesses per second | accesses of all tasks per simulated second
    accesses * 1000000000 / elapsed_ns
miss_ratio | 1 | lower | miss ratio | share of accesses that found no page
    misses / accesses
fills | accesses | lower | fills | accesses that had to fill a frame: misses and first touches of anonymous memory
    misses + first_touches
major_fault_ratio | 1 | lower | major faults per access | share of accesses that had to read the page
    pgmajfault / accesses
remote_touch_ratio | 1 | lower | remote touches | share of accesses to pages on another node
    remote_touches / accesses
remote_alloc_ratio | 1 | lower | remote allocations | share of pages allocated on another node than the CPU's
    other_node / (local_node + other_node)
numa_miss_ratio | 1 | lower | numa_miss share | share of pages that did not come from the preferred node
    numa_miss / (numa_hit + numa_miss)
pgscan | pages | lower | pgscan | inactive pages scanned by kswapd and tasks
    pgscan_kswapd + pgscan_direct + pgscan_proactive
pgsteal | pages | none | pgsteal | pages reclaimed by kswapd and tasks
    pgsteal_kswapd + pgsteal_direct + pgsteal_proactive
scan_efficiency_ratio | 1 | higher | scan efficiency | pages reclaimed per page scanned
    pgsteal / pgscan
scans_per_steal_ratio | 1 | lower | scans per steal | pages scanned on all lists for each one reclaimed
    (pgscan + pgrefill) / pgsteal
activations_per_steal_ratio | 1 | none | activations per steal | pages activated for each one reclaimed
    pgactivate / pgsteal
kswapd_efficiency_ratio | 1 | higher | kswapd efficiency | pages reclaimed by kswapd per page it scanned
    pgsteal_kswapd / pgscan_kswapd
direct_efficiency_ratio | 1 | higher | direct efficiency | pages reclaimed by tasks per page they scanned
    pgsteal_direct / pgscan_direct
kswapd_velocity_per_s | 1/s | none | kswapd velocity | pages scanned by kswapd per simulated second
    pgscan_kswapd * 1000000000 / elapsed_ns
direct_scan_ratio | 1 | lower | direct share of scans | share of scanning done by tasks instead of kswapd
    pgscan_direct / pgscan
freed_anon_ratio | 1 | none | freed, anonymous | anonymous pages reclaimed per page scanned on inactive and active lists
    pgsteal_anon / (pgscan_anon + pgrefill_anon)
freed_file_ratio | 1 | none | freed, file | file pages reclaimed per page scanned on inactive and active lists
    pgsteal_file / (pgscan_file + pgrefill_file)
freed_ratio | 1 | none | freed | pages reclaimed per page scanned on inactive and active lists
    pgsteal / (pgscan + pgrefill)
rotated_anon_ratio | 1 | none | in use, anonymous | anonymous pages found in use per page scanned on both lists
    rotated_anon / (pgscan_anon + pgrefill_anon)
rotated_file_ratio | 1 | none | in use, file | file pages found in use per page scanned on both lists
    rotated_file / (pgscan_file + pgrefill_file)
page_cgroup_ratio | 1 | lower | page_cgroup share | share of memory that page_cgroups take
    page_cgroup_pages / memory_pages
pgscan_per_steal_ratio | 1 | lower | scanned per reclaimed page | inactive pages scanned for each page reclaimed
    pgscan / pgsteal
visits_per_steal_ratio | 1 | lower | groups per reclaimed page | lruvecs of groups gone through for each page reclaimed
    memcg_visits / pgsteal
reclaim_ns | ns | lower | reclaim time | time of kswapd and of tasks in direct and limit reclaim
    kswapd_ns + stall_alloc_ns + stall_memcg_ns
reclaim_per_steal_ns | ns | lower | reclaim time per page | time of reclaim for each page reclaimed
    reclaim_ns / pgsteal
objects_per_slab_page | objects | lower | objects freed per page | slab objects freed by shrinkers per page given back
    slab_objects_freed / slab_pages_freed
workingset_refault | pages | lower | workingset_refault | pages that came back after eviction
    workingset_refault_anon + workingset_refault_file
refault_ratio | 1 | lower | refaults per steal | evicted pages that were wanted again
    workingset_refault / pgsteal
refault_activation_ratio | 1 | none | refault activations per steal | refaults activated for each page reclaimed
    (workingset_activate_anon + workingset_activate_file) / pgsteal
writeback_rate | B/s | higher | written back | what was written back per simulated second
    nr_written * 4096 * 1000000000 / elapsed_ns
dirty_share_ratio | 1 | none | dirty / threshold | dirty pages and pages under writeback, over the limit for writers
    (nr_dirty + nr_unstable + nr_writeback) / nr_dirty_threshold
background_share_ratio | 1 | none | background / threshold | the background threshold over the limit for writers
    nr_dirty_background_threshold / nr_dirty_threshold
seeks_per_s | 1/s | lower | seeks per second | seeks of all disks per simulated second
    seeks * 1000000000 / elapsed_ns
pages_per_seek | pages | higher | pages per seek | file pages written back for each seek of a disk
    nr_written / seeks
dirty_pause_ns | ns | lower | mean pause | mean length of a sleep in dirty throttling
    stall_dirty_ns / dirty_pauses
swap_ra_hit_ratio | 1 | higher | swap readahead hits | pages read ahead from swap that were used
    swap_ra_hit / swap_ra
throttled_ns | ns | lower | dirty throttling | writers asleep, or waiting to write themselves
    stall_dirty_ns + stall_queue_ns
stall_ns | ns | lower | stalls | waiting of all tasks, dirty throttling apart
    stall_alloc_ns + stall_memcg_ns + stall_high_ns + stall_swap_ns + stall_file_ns + stall_channel_ns
stall_per_access_ns | ns | lower | stall per access | waiting per access
    stall_ns / accesses
idle_cpu_ns_per_gib_s | ns | lower | scanner CPU per GiB and s | CPU time of scanners per GiB of memory and second
    idle_scan_ns * 262144 * 1000000000 / (memory_pages * elapsed_ns)
far_coverage_ratio | 1 | higher | far memory coverage | share of cold memory that is in far memory
    far_stored / far_cold
promotions_percent | % | lower | promotions per minute | pages swapped in a minute, in percent of the working set
    100 * pswpin / far_ws
swapins_per_min | pages | lower | swap-ins per minute | pages read back from swap a minute
    pswpin * 60000000000 / elapsed_ns
memory_stall_per_s_ns | ns | lower | memory stall per s | waiting for memory of all tasks together, a second
    (stall_alloc_ns + stall_memcg_ns + stall_high_ns + stall_swap_ns + stall_file_ns) * 1000000000 / elapsed_ns
controller_cpu_per_s_ns | ns | lower | controller CPU per s | CPU time of scanners and proactive reclaim a second
    (idle_scan_ns + proactive_ns) * 1000000000 / elapsed_ns
free_ratio | 1 | higher | free memory | share of memory that is free when the run ends
    nr_free_pages / memory_pages
idle_cpu_per_s_ns | ns | lower | scanner CPU per s | CPU time of idle page scanners a second
    idle_scan_ns * 1000000000 / elapsed_ns
damon_samples_mean | count | none | regions sampled | regions of which DAMON samples a page each sampling interval
    damon_samples / damon_samplings
ws_true_mean_pages | pages | none | working set | pages touched within cold_after, mean over a scanner's rounds
    ws_true / idle_rounds
ws_error_pages | pages | none | working set error | estimated less true working set, mean over a scanner's rounds
    (ws_estimated - ws_true) / idle_rounds
ws_error_ratio | 1 | none | working set error | estimated less true working set, over the true one
    (ws_estimated - ws_true) / ws_true
ws_abs_error_pages | pages | lower | absolute working set error | distance of estimate and truth, mean over rounds
    (ws_over + ws_under) / idle_rounds
ws_abs_error_ratio | 1 | lower | absolute working set error | distance of estimate and truth, over the truth
    (ws_over + ws_under) / ws_true
cold_precision_ratio | 1 | higher | cold precision | share of the pages called cold that are
    cold_found / (cold_found + cold_false)
cold_recall_ratio | 1 | higher | cold recall | share of the cold pages that are called cold
    cold_found / (cold_found + cold_missed)
hot_precision_ratio | 1 | higher | hot precision | share of the pages called hot that are
    (ws_estimated - cold_missed) / ws_estimated
hot_recall_ratio | 1 | higher | hot recall | share of the working set that is called hot
    (ws_estimated - cold_missed) / ws_true
"""


def declared() -> dict[str, Metric]:
    """All declared metrics by name: the model's counters, what the model reports beside them, the derived ones."""
    return {name: metric for name in names() if (metric := known(name)) is not None}


def names() -> list[str]:
    """Names of all declared metrics."""
    return [*(_counters() | _derived())]


@cache
def known(name: str) -> Metric | None:
    """The metric declared under exactly this name, or None."""
    if (derived := _derived().get(name)) is not None:
        return derived
    return _counter(name, _counters()[name]) if name in _counters() else None


@cache
def _counters() -> dict[str, Counter]:
    table = SLAB_COUNTERS | DISK_COUNTERS | WB_COUNTERS | GAUGES | LATENCIES | COUNTERS
    for told in TOLD:
        table |= {name: counter for name, counter in told.table.items() if name not in table}
    return table


@cache
def _derived() -> dict[str, Metric]:
    doc = "dirty pages that left memory under a yardstick"
    table = {
        "writebacks_pages": Metric(name="writebacks_pages", unit="pages", doc=doc, better="lower", label="writebacks")
    }
    lines = DERIVED.strip().splitlines()
    for head, expression in zip(lines[::2], lines[1::2], strict=True):
        name, unit, better, label, doc = (part.strip() for part in head.split("|"))
        table[name] = Metric(
            name=name, unit=unit, doc=doc, better=cast(Better, better), label=label, expression=expression.strip()
        )
    return table


def _counter(name: str, counter: Counter) -> Metric:
    parts: Aggregation = "sum" if name in NODE_COUNTERS or name in TASK_COUNTERS else "none"
    label, after_oom = LABELS.get(name) or _in_words(name), name in ("oom_kill", "died", "died_ns")
    return Metric(
        name=name, unit=counter.unit, doc=counter.doc, better=counter.better, label=label, aggregation=parts,
        after_oom=after_oom,
    )  # fmt: skip


def _in_words(name: str) -> str:
    """A time or size as words without its unit, which is printed as it suits; the kernel's names as they are."""
    ending = next((suffix for suffix in ("_ns", "_bytes") if name.endswith(suffix)), None)
    words = name.removesuffix(ending or "").replace("_", " ")
    return re.sub(r"\bp99(?=9)", "p99.", words) if ending else name


def is_metric(name: str) -> bool:
    """Whether the name is declared, alone or after a node, task, cgroup, disk, link, swap or server prefix."""
    scoped = PREFIX.fullmatch(name)
    leaf = scoped[2] if scoped else name
    return known(leaf) is not None or bool(scoped and _suffix_unit(leaf))


def metric(name: str) -> Metric:
    """What `name` is; names declared nowhere get the unit of their suffix and no direction."""
    scoped = PREFIX.fullmatch(name)
    leaf = scoped[2] if scoped else name
    found = known(leaf) or Metric(name=leaf, unit=_suffix_unit(leaf) or "count", doc="", label=_in_words(leaf))
    if not scoped:
        return found
    kind, _, which = scoped[1].rpartition(".")
    owner = which if kind == "task" else f"{kind} {which}" if kind else re.sub(r"(?<=node)", " ", which)
    return replace(found, name=name, label=f"{found.label} of {owner}")


def suggestion(name: str) -> str | None:
    """The declared name most like `name`, or None."""
    near = difflib.get_close_matches(name, names(), n=1)
    return near[0] if near else None


def value(name: str, row: Mapping[str, Any]) -> float | None:
    """The metric of one run, from the columns of its row; None where it is undefined (0/0) or not recorded.

    A column of that name wins over a formula; a machine-wide value that is recorded per node or task only is their sum.
    """
    recorded = row.get(name)
    if recorded is not None:
        return float(recorded)
    scoped = PREFIX.fullmatch(name)
    prefix, leaf = (scoped[1] + ".", scoped[2]) if scoped else ("", name)
    found = known(leaf)
    if found is not None and found.expression is not None:
        return _evaluate(_formula(found.expression), prefix, row)
    return _sum_of_parts(leaf, row) if not prefix and found is not None and found.aggregation == "sum" else None


def columns_of(name: str) -> Iterator[str]:
    """Names of the recorded metrics that `name` is computed from (itself if it is no formula)."""
    found = metric(name)
    if found.expression is None:
        yield name
        return
    scoped = PREFIX.fullmatch(name)
    for node in ast.walk(_formula(found.expression)):
        if isinstance(node, ast.Name):
            yield from columns_of(f"{scoped[1]}.{node.id}" if scoped else node.id)


def _suffix_unit(name: str) -> str | None:
    return next((unit for suffix, unit in SUFFIX_UNITS.items() if name.endswith(suffix)), None)


@cache
def _formula(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _sum_of_parts(leaf: str, row: Mapping[str, Any]) -> float | None:
    """The sum over nodes, or else over tasks, of the columns that end in the metric's name."""
    parts = [(column, v) for column, v in row.items() if column.endswith("." + leaf) and v is not None]
    for scope in (r"node\d+", r"task\.[^.]+"):
        pattern = re.compile(rf"{scope}\.{re.escape(leaf)}")
        numbers = [float(v) for column, v in parts if pattern.fullmatch(column)]
        if numbers:
            return sum(numbers)
    return None


_OPERATORS: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def _evaluate(node: ast.expr, prefix: str, row: Mapping[str, Any]) -> float | None:
    """A formula of names, numbers, + - * / and parentheses; None as soon as a part is None or a divisor is 0."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return value(prefix + node.id, row)
    assert isinstance(node, ast.BinOp), ast.dump(node)
    left, right = _evaluate(node.left, prefix, row), _evaluate(node.right, prefix, row)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Div):
        return left / right if right else None
    return _OPERATORS[type(node.op)](left, right)
