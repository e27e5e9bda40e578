"""What a run's counters say in plain sentences: limits that were hit, who reclaimed what, what was swapped and read.

Each sentence states numbers that were counted; none concludes anything. What is 0 is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mmrun.model.description import Cell
from mmrun.model.units import PAGE

MOST = 8  # groups and disks that are told one by one
LIMITS = {"min": "memory.min", "low": "memory.low", "high": "memory.high", "max": "memory.max",
          "soft_limit": "soft limit", "swap_max": "memory.swap.max"}  # fmt: skip
EVENTS = {"events_low": "reclaimed below low", "events_high": "over high", "events_max": "at max",
          "events_oom": "out of memory", "oom_kill": "killed"}  # fmt: skip
SLEEPS = {"congestion_wait": "until a queue has room", "mm_vmscan_throttled": "in reclaim_throttle"}
Metrics = Mapping[str, Any]


def facts(cell: Cell, told: Metrics) -> list[str]:
    """The sentences, in the order in which pages go: limits, reclaim, swap, files, writers, nodes, disks."""
    parts = (_memory, _groups, _reclaim, _swap, _files, _writers, _nodes, _slabs, _disks)
    return [sentence for part in parts for sentence in part(cell, told)]


def _n(told: Metrics, name: str) -> int:
    return int(told.get(name, 0))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def _memory(cell: Cell, told: Metrics) -> Iterator[str]:
    if "memory_pages" in told and "nr_free_pages" in told:
        nodes = [f"node{i} {_n(told, name):,}" for i in range(len(cell.machine.nodes))
                 if (name := f"node{i}.nr_free_pages") in told]  # fmt: skip
        each = f" ({', '.join(nodes)})" if len(nodes) > 1 else ""
        yield f"memory: {_n(told, 'nr_free_pages'):,} of {_n(told, 'memory_pages'):,} pages free at the end{each}"
    if "watermark_low" in told:
        marks = ", ".join(f"{mark} {_n(told, f'watermark_{mark}'):,}" for mark in ("min", "low", "high"))
        yield f"watermarks (tasks reclaim below min, kswapd from below low up to high): {marks} pages"
    for i in range(len(cell.machine.nodes) if len(cell.machine.nodes) > 1 else 0):
        anon, file = (sum(_n(told, f"node{i}.nr_{state}_{kind}") for state in ("inactive", "active"))
                      for kind in ("anon", "file"))  # fmt: skip
        yield f"on the lists of node{i} at the end: {anon:,} anonymous pages, {file:,} of files"


def _groups(cell: Cell, told: Metrics) -> Iterator[str]:
    names = [name for name in cell.cgroups if f"cgroup.{name}.usage_pages" in told]
    for name in names[:MOST]:
        group, at = cell.cgroups[name], f"cgroup.{name}."
        limits = [
            f"{word} {getattr(group, field) // PAGE:,}" for field, word in LIMITS.items() if getattr(group, field)
        ]
        events = [f"{word} {_times(_n(told, at + event))}" for event, word in EVENTS.items() if _n(told, at + event)]
        if not _n(told, at + "events_max") and _n(told, at + "failcnt"):
            events.insert(0, f"at its limit {_times(_n(told, at + 'failcnt'))}")
        many = f" ({group.count} alike, in sum)" if group.count > 1 else ""
        parts = [f"{_n(told, at + 'usage_pages'):,} pages in use at the end", *limits, *events]
        if scanned := _n(told, at + "pgscan"):
            parts.append(f"{_n(told, at + 'pgsteal'):,} of {scanned:,} pages scanned were reclaimed from it")
        yield f"group {name}{many}: {'; '.join(parts)}"
    if len(names) > MOST:
        yield f"{len(names) - MOST} more groups: see below"


def _reclaim(_: Cell, told: Metrics) -> Iterator[str]:
    who = {"kswapd": "kswapd", "direct": "tasks themselves", "proactive": "user space's orders"}
    for suffix, word in who.items():
        if scanned := _n(told, f"pgscan_{suffix}"):
            yield f"reclaim by {word}: {_n(told, f'pgsteal_{suffix}'):,} of {scanned:,} pages scanned"
    if stalls := _n(told, "allocstall"):
        yield f"allocations that had to reclaim for the machine: {stalls:,}"
    elif _n(told, "pgscan_direct"):
        yield "allocations that had to reclaim for the machine: none, tasks reclaimed for limits or for their node only"
    if _n(told, "zone_reclaim_success") or _n(told, "zone_reclaim_failed"):
        yield (
            "before pages of another node were taken, the own one's were reclaimed (zone_reclaim_mode): "
            f"{_n(told, 'zone_reclaim_success'):,} times enough, {_n(told, 'zone_reclaim_failed'):,} times not"
        )
    if stolen := _n(told, "pgsteal_anon") + _n(told, "pgsteal_file"):
        anon = _n(told, "pgsteal_anon")
        yield f"reclaimed in all: {anon:,} anonymous pages, {stolen - anon:,} of files"
    sleeps = [f"{_n(told, name):,} {word}" for name, word in SLEEPS.items() if _n(told, name)]
    if sleeps:
        yield f"sleeps of reclaimers: {', '.join(sleeps)}"


def _swap(cell: Cell, told: Metrics) -> Iterator[str]:
    if not cell.machine.swap:
        yield "swap: there is none"
    elif _n(told, "pswpout") or _n(told, "pswpin"):
        ahead = f", {_n(told, 'swap_ra'):,} of them ahead of their use" if _n(told, "swap_ra") else ""
        slots = sum(area.size for area in cell.machine.swap.values()) // PAGE
        yield (
            f"swap: {_n(told, 'pswpout'):,} pages out, {_n(told, 'pswpin'):,} in{ahead}; "
            f"{_n(told, 'nr_swap_used'):,} of {slots:,} slots in use at the end"
        )
    elif "pswpout" in told:
        yield "swap: not used"


def _files(_: Cell, told: Metrics) -> Iterator[str]:
    if read := _n(told, "pgpgin"):
        ahead = f", {_n(told, 'readahead'):,} of them ahead of their use" if _n(told, "readahead") else ""
        yield f"files: {read:,} pages read{ahead}"
    back = [f"{_n(told, f'workingset_refault_{kind}'):,} {word}" for kind, word in
            (("file", "of files"), ("anon", "anonymous")) if _n(told, f"workingset_refault_{kind}")]  # fmt: skip
    if back:
        yield f"reclaimed pages that came back (refaults): {', '.join(back)}"


def _writers(_: Cell, told: Metrics) -> Iterator[str]:
    if dirtied := _n(told, "nr_dirtied"):
        left = _n(told, "nr_dirty") + _n(told, "nr_writeback")
        limit = f", the limit for the machine is {_n(told, 'nr_dirty_threshold'):,}" * ("nr_dirty_threshold" in told)
        yield (
            f"writers: {dirtied:,} pages dirtied, {_n(told, 'nr_written'):,} written, "
            f"{left:,} not yet on disk at the end{limit}"
        )
    if pauses := _n(told, "dirty_pauses"):
        yield f"sleeps of writers in dirty throttling: {pauses:,}"
    if wrote := _n(told, "nr_vmscan_write"):
        yield f"pages that reclaim itself wrote: {wrote:,}"


def _nodes(cell: Cell, told: Metrics) -> Iterator[str]:
    if len(cell.machine.nodes) == 1:
        return
    if missed := _n(told, "numa_miss"):
        whole = missed + _n(told, "numa_hit")
        yield f"placement: {missed:,} of {whole:,} pages came from another node than the one wanted"
    reclaimed = [f"node{i} {_n(told, f'node{i}.pgsteal'):,}" for i in range(len(cell.machine.nodes))]
    if _n(told, "pgsteal"):
        yield f"reclaimed by node: {', '.join(reclaimed)}"
    if remote := _n(told, "remote_touches"):
        yield f"accesses to another node: {remote:,}"


def _slabs(cell: Cell, told: Metrics) -> Iterator[str]:
    for name in cell.slab:
        at = f"slab.{name}."
        yield (
            f"slab {name}: {_n(told, at + 'objects'):,} objects in {_n(told, at + 'pages'):,} pages at the end; "
            f"shrinkers looked at {_n(told, at + 'scanned'):,} and freed {_n(told, at + 'freed'):,}"
        )


def _disks(cell: Cell, told: Metrics) -> Iterator[str]:
    elapsed, used = _n(told, "elapsed_ns"), [
        name for name in cell.machine.disks if _n(told, f"disk.{name}.reads") + _n(told, f"disk.{name}.writes")
    ]  # fmt: skip
    for name in used[:MOST]:
        at = f"disk.{name}."
        reads, writes = _n(told, at + "reads"), _n(told, at + "writes")
        waited = f", a request waited {_n(told, at + 'wait_ns') / (reads + writes) / 1e6:,.3f} ms for its turn"
        yield (
            f"disk {name}: {reads:,} reads of {_n(told, at + 'pages_read'):,} pages, "
            f"{writes:,} writes of {_n(told, at + 'pages_written'):,}; "
            f"busy {_percent(_n(told, at + 'busy_ns'), elapsed)} of the time{waited}"
        )
