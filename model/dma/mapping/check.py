"""Conservation of mappings: whoever has one knows it, and no device has another; rows are in one chain each, or free.

A mechanism says in its check.py which mappings it keeps beyond `dma_maps` (`dma_mappings`: how many, by device), and
which chains of that table are its own (`map_chains`).
"""

from collections import Counter

import numpy as np

from mmrun.model.block.state import requests
from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.iommu.map import iova_to_pfn
from mmrun.model.dma.iommu.state import LAZY, STRICT, iommu_domains
from mmrun.model.dma.mapping.state import mapping_count, mapping_state
from mmrun.model.dma.swiotlb.state import SLOT, swiotlb_state
from mmrun.model.machine.built import Built
from mmrun.model.mechanisms import parts
from mmrun.model.mm.driver.place import rows as driver_rows
from mmrun.model.units import PAGE


def map_chains(built: Built) -> list[int]:
    """Chains of requests that are mapped (row + 1)."""
    used = requests(built.memory.m)
    return [int(row) for row in used["maps"][used["maps"] > 0]]


def verify(built: Built, seen: np.ndarray) -> None:
    """Chains, counts, and that what devices are given leads to where it was to lead."""
    if not built.cell.machine.use:
        return
    rows, state = built.memory.table("dma_maps"), mapping_state(built.memory.m)
    numbered = driver_rows(built.plan)["buffers"]
    heads = [chain for part in parts("check") if hasattr(part, "map_chains") for chain in part.map_chains(built)]
    found = [i for i in range(numbered) if rows["dev"][i] != NONE]
    tasks = len(found)
    for chain in heads:
        while chain:
            found.append(chain - 1)
            chain = int(rows["next"][chain - 1])
    require(len(set(found)) == len(found), lambda: "a mapping has two owners")
    used = np.flatnonzero(rows["dev"] != NONE)
    require(set(found) == set(used.tolist()), lambda: "a mapping has no owner, or none is where one is said to be")
    require(len(found) - tasks + state.left == len(rows) - numbered, lambda: "rows of mappings are miscounted")
    others = _counts(built, rows, used)
    _lead_somewhere(built, rows, used)
    _domains(built, rows, used, others)
    if not others.total():
        _bounced(built, rows, used)


def _counts(built: Built, rows: np.ndarray, used: np.ndarray) -> Counter[int]:
    """Live mappings of each device against those that somebody has; those in no row of the table, by device."""
    m, behind = built.memory.m, set[int]()
    for at in used[rows["sg"][used] > 0].tolist():
        for _ in range(int(rows["sg"][at]) - 1):
            at = int(rows["next"][at]) - 1
            behind.add(at)
    held = Counter(int(rows["dev"][i]) for i in used.tolist() if i not in behind)
    require(held.total() == mapping_state(m).nr_maps, lambda: "mappings that owners keep are miscounted")
    others: Counter[int] = Counter()
    for part in parts("check"):
        if own := getattr(part, "dma_mappings", None):
            others.update(own(built))
    held.update(others)
    for dev in range(len(dma_devices(m))):
        live = int(dma_devices(m)[dev].live)
        require(
            held[dev] == live, lambda dev=dev, live=live: f"device {dev} has {live} mappings, {held[dev]} are known"
        )
    live = sum(int(dma_devices(m)[dev].live) for dev in range(len(dma_devices(m))))
    require(live == mapping_count(m).dma_live, lambda: "live mappings are miscounted")
    return others


def _domains(built: Built, rows: np.ndarray, used: np.ndarray, others: Counter[int]) -> None:
    """Domains whose devices keep their mappings in the table map as many pages as those have, and shared memory."""
    m, pages, own = built.memory.m, Counter[int](), [d for d in dma_devices(built.memory.m) if d.translated]
    for i in used.tolist():
        d, row = dma_devices(m)[int(rows["dev"][i])], rows[i]
        if d.translated and row["length"]:
            first, last = int(row["address"]) // PAGE, (int(row["address"]) + int(row["length"]) - 1) // PAGE
            pages[int(d.domain)] += last - first + 1
    for b in built.memory.table("dma_buffers"):
        if b["pfn"] != NONE and b["pages"] and dma_devices(m)[int(b["dev"])].translated:
            pages[int(dma_devices(m)[int(b["dev"])].domain)] += int(b["pages"])
    elsewhere = {int(d.domain) for n, d in enumerate(dma_devices(m)) if others[n]}
    for domain in {int(d.domain) for d in own} - elsewhere:
        if iommu_domains(m)[domain].kind in (STRICT, LAZY):
            mapped = int(iommu_domains(m)[domain].pages)
            words = f"domain {domain} maps {mapped} pages, {pages[domain]} are known"
            require(mapped == pages[domain], lambda words=words: words)


def _bounced(built: Built, rows: np.ndarray, used: np.ndarray) -> None:
    """Bounce buffers in use are those of mappings that somebody has."""
    addresses, found = rows["address"][used], 0
    for pool in built.memory.table("io_tlb_pools"):
        if pool["live"]:
            end = pool["address"] + pool["slabs"] * SLOT
            found += int(((addresses >= pool["address"]) & (addresses < end)).sum())
    live = int(swiotlb_state(built.memory.m).live)
    require(found == live, lambda: f"{live} mappings are bounced, {found} are known")


def _lead_somewhere(built: Built, rows: np.ndarray, used: np.ndarray) -> None:
    """Every address that somebody has of a translated piece leads to its frame (or a copy, for who is not trusted)."""
    m = built.memory.m
    for i in used.tolist():
        d, row = dma_devices(m)[int(rows["dev"][i])], rows[i]
        if not d.translated or d.untrusted or row["sg"] or row["length"] != row["bytes"]:
            continue
        pfn = iova_to_pfn(m, int(d.domain), int(row["address"]) // PAGE)
        require(pfn == row["pfn"] + row["offset"] // PAGE,
                lambda i=i: f"mapping {i} leads elsewhere than to its frame")  # fmt: skip
