"""The tracepoints of all mechanisms, how they are named, and what stands in a ring."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import numpy as np

from mmrun.model.core.mechanism import NO_FRAME
from mmrun.model.core.tracepoint import DECLARED, Tracepoint
from mmrun.model.mechanisms import parts
from mmrun.model.tracing.watch import HEADER

VMEMMAP, PAGE_STRUCT = 0xFFFFEA0000000000, 64  # where x86-64 keeps its struct pages, and how large one is


class Event(NamedTuple):
    """An event: ns of simulated time, its tracepoint, CPU, row of the actor, fields in order."""

    time: int
    point: Tracepoint
    cpu: int
    actor: int
    fields: tuple[int, ...]


@cache
def tracepoints() -> dict[str, Tracepoint]:
    """All there are, by name, in the order of mechanisms."""
    modules = parts("tracepoints")
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Tracepoint)]
    return {point.name: point for point in found}


def selected(patterns: Iterable[str]) -> frozenset[int]:
    """Numbers of those that match: `mm_page_alloc`, `vmscan`, `vmscan:*`, `*`. ValueError for one that none does."""
    found: set[int] = set()
    for pattern in patterns:
        numbers = {point.number for point in tracepoints().values() if _matches(point, pattern)}
        if not numbers:
            known = [*tracepoints(), *dict.fromkeys(point.system for point in tracepoints().values())]
            near = get_close_matches(pattern, known, 1)
            fix = f"did you mean `{near[0]}`?" if near else "`mmrun trace events` lists them"
            raise ValueError(f"no tracepoint `{pattern}`; {fix}")
        found |= numbers
    return frozenset(found)


def _matches(point: Tracepoint, pattern: str) -> bool:
    name = f"{point.system}:{point.name}"
    return pattern in (point.system, point.name) or fnmatchcase(name, pattern) or fnmatchcase(point.name, pattern)


def decode(words: np.ndarray) -> Iterator[Event]:
    """The events of a ring by time; actors run ahead of each other, so they were written in no order."""
    starts, at = [], 0
    heads = words.tolist()
    while at < len(heads):
        starts.append(at)
        at += HEADER + len(DECLARED[heads[at + 1] & 0xFFFF].fields)
    for at in sorted(starts, key=lambda start: heads[start]):
        point = DECLARED[heads[at + 1] & 0xFFFF]
        fields = tuple(heads[at + HEADER : at + HEADER + len(point.fields)])
        yield Event(heads[at], point, heads[at + 1] >> 16 & 0xFFFF, heads[at + 1] >> 32, fields)


GFP = (
    ("GFP_HIGHUSER_MOVABLE", 0x100000 | 0xC00 | 0xC0 | 0x2 | 0x8), ("GFP_HIGHUSER", 0x100000 | 0xC00 | 0xC0 | 0x2),
    ("GFP_USER", 0x100000 | 0xC00 | 0xC0), ("GFP_KERNEL", 0xC00 | 0xC0), ("GFP_NOFS", 0xC00 | 0x40),
    ("GFP_ATOMIC", 0x20 | 0x200 | 0x800), ("GFP_NOIO", 0xC00), ("GFP_NOWAIT", 0x800),
    ("__GFP_DIRECT_RECLAIM", 0x400), ("__GFP_DMA", 0x1), ("__GFP_HIGHMEM", 0x2), ("__GFP_DMA32", 0x4),
    ("__GFP_MOVABLE", 0x8), ("__GFP_RECLAIMABLE", 0x10), ("__GFP_HIGH", 0x20), ("__GFP_IO", 0x40), ("__GFP_FS", 0x80),
    ("__GFP_ZERO", 0x100), ("__GFP_ATOMIC", 0x200), ("__GFP_WRITE", 0x1000), ("__GFP_NOWARN", 0x2000),
    ("__GFP_RETRY_MAYFAIL", 0x4000), ("__GFP_NOFAIL", 0x8000), ("__GFP_NORETRY", 0x10000), ("__GFP_MEMALLOC", 0x20000),
    ("__GFP_COMP", 0x40000), ("__GFP_NOMEMALLOC", 0x80000), ("__GFP_HARDWALL", 0x100000), ("__GFP_THISNODE", 0x200000),
    ("__GFP_ACCOUNT", 0x400000),
)  # fmt: skip
"""Names of allocation flags, larger sets first (include/trace/events/mmflags.h); values as in mm/page/gfp.py."""


def gfp_names(gfp: int) -> str:
    """Allocation flags in words."""
    words = []
    for name, bits in GFP:
        if gfp & bits == bits:
            words.append(name)
            gfp &= ~bits
    return "|".join(words) if words else "0"


LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file")
REASONS = ("compaction", "memory_failure", "memory_hotplug", "syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced",
           "contig_range", "longterm_pin", "demotion", "damon")  # fmt: skip
THROTTLES = ("VMSCAN_THROTTLE_WRITEBACK", "VMSCAN_THROTTLE_CONGESTED", "VMSCAN_THROTTLE_NOPROGRESS",
             "VMSCAN_THROTTLE_ISOLATED")  # fmt: skip
COMPACTED = ("not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue", "complete", "partial_skipped",
             "contended", "success")  # fmt: skip
MODES = ("MIGRATE_ASYNC", "MIGRATE_SYNC_LIGHT", "MIGRATE_SYNC")
KINDS: dict[str, Callable[[int], str]] = {
    "gfp": gfp_names,
    "lru": LISTS.__getitem__,
    "wb": lambda file: f"RECLAIM_WB_{'FILE' if file else 'ANON'}|RECLAIM_WB_ASYNC",
    "sync": lambda sync: "sync" if sync else "async",
    "mode": MODES.__getitem__,
    "reason": REASONS.__getitem__,
    "throttle": THROTTLES.__getitem__,
    "compact": COMPACTED.__getitem__,
}
"""How fields of a kind read."""


def words_of(event: Event) -> dict[str, int | str]:
    """An event's fields by name, those of a kind in words, and `page`, where the struct page of `pfn` would be."""
    point = event.point
    found: dict[str, int | str] = {
        name: KINDS[kind](value) if kind else value
        for name, kind, value in zip(point.fields, point.kinds, event.fields, strict=True)
    }
    pfn = found.get("pfn")
    if isinstance(pfn, int):
        found["page"] = f"{0 if pfn == NO_FRAME else VMEMMAP + PAGE_STRUCT * pfn:016x}"
    return found
