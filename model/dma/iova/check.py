"""No address has two holders: ranges in trees do not overlap, each is live, kept by a CPU or never given out."""

from typing import Any

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.dma.iova.state import ANCHOR, BINS, WORD, iova_settings
from mmrun.model.machine.built import Built


def verify(built: Built, seen: np.ndarray) -> None:
    """The law of each domain, and of the queues between them."""
    waiting = queued(built)
    for domain, d in enumerate(built.memory.table("iova_domains")):
        _verify(built, domain, d, waiting[waiting["domain"] == domain])


def _verify(built: Built, domain: int, d: Any, waiting: np.ndarray) -> None:
    require(len(waiting) == d["pending"], lambda: f"domain {domain}: {d['pending']} wait, queues hold {len(waiting)}")
    require(d["live"] >= d["pending"], lambda: f"domain {domain}: more ranges wait than were given out")
    bits = int(bits_of(built, domain).sum())
    if bits == 0:
        return _verify_tree(built, domain, d, waiting)
    require(bits == d["bits"], lambda: f"domain {domain}: {bits} bits are set, {d['bits']} counted")
    if d["opened"]:
        require(bits == d["live_pages"] + d["reserved"], lambda: f"domain {domain}: {d['live_pages']} pages are out")
    return None


def bits_of(built: Built, domain: int) -> np.ndarray:
    """Bits of a domain's bitmap."""
    words = int(iova_settings(built.memory.m).words)
    own = built.memory.table("iova_words")[domain * words : (domain + 1) * words]
    return (own[own != 0, None] >> np.arange(WORD)) & 1


def ranges_of(built: Built, domain: int) -> list[tuple[int, int]]:
    """(first page, last page) of the ranges in a domain's tree, from the highest on."""
    rows, found = built.memory.table("iovas"), list[tuple[int, int]]()
    node = int(rows[domain]["below"])
    while node != NONE and len(found) <= len(rows):
        found.append((int(rows[node]["lo"]), int(rows[node]["hi"])))
        node = int(rows[node]["below"])
    return found


def cached_of(built: Built, domain: int) -> list[tuple[int, int]]:
    """(first page, bin) of the ranges that CPUs and depots keep for a domain."""
    table = built.memory.table("magazines")
    cpus = len(built.memory.table("iova_rcaches")) // max(1, BINS * len(built.memory.table("iova_domains")))
    caches = built.memory.table("iova_rcaches")[domain * cpus * BINS : (domain + 1) * cpus * BINS]
    full = [(int(row[name]), i % BINS) for i, row in enumerate(caches) for name in ("loaded", "prev") if row[name]]
    for size in range(BINS):
        row = int(built.memory.table("iova_depots")[domain * BINS + size]["head"])
        while row:
            full.append((row, size))
            row = int(table[row - 1]["next"])
    return [(int(pfn), size) for row, size in full for pfn in table[row - 1]["pfn"][: table[row - 1]["n"]]]


def queued(built: Built) -> np.ndarray:
    """The entries of all flush queues."""
    entries = built.memory.table("fq_entries")
    at = [
        int(ring["first"]) + (int(ring["head"]) + i) % int(ring["slots"])
        for ring in built.memory.table("fq_rings")
        for i in range((int(ring["tail"]) - int(ring["head"])) % int(ring["slots"]))
    ]
    return entries[at]


def _verify_tree(built: Built, domain: int, d: Any, waiting: np.ndarray) -> None:
    """Ranges in order, each once; those that are cached or wait are among them, and nobody else has them."""
    ranges = ranges_of(built, domain)
    tops = [ANCHOR, *(lo for lo, _ in ranges)]
    apart = all(lo <= hi < top for (lo, hi), top in zip(ranges, tops, strict=False))
    require(apart and (not ranges or ranges[-1][0] >= d["start"]), lambda: f"ranges of domain {domain} overlap")
    require(len(ranges) == d["ranges"], lambda: f"domain {domain}: {len(ranges)} ranges, {d['ranges']} counted")
    cached, known = cached_of(built, domain), {lo for lo, _ in ranges}
    held = [pfn for pfn, _ in cached] + [int(pfn) for pfn in waiting["iova"]]
    require(len(set(held)) == len(held), lambda: f"domain {domain}: a range is kept or waits twice")
    require(set(held) <= known, lambda: f"domain {domain}: a range that is kept or waits is not in the tree")
    live, told = len(ranges) - len(cached) - int(d["reserved"]), int(d["live"])
    require(live == told, lambda: f"domain {domain}: {live} ranges are out, {told} were given and not taken back")
