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
from mmrun.model.dma.mapping.state import mapping_count, mapping_state
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
    _counts(built, rows, used)
    _lead_somewhere(built, rows, used)


def _counts(built: Built, rows: np.ndarray, used: np.ndarray) -> None:
    """Live mappings of each device against those that somebody has."""
    m, behind = built.memory.m, set()
    held: Counter[int] = Counter()
    for i in used.tolist():
        if i in behind:
            continue
        held[int(rows["dev"][i])] += 1
        at = i
        for _ in range(int(rows["sg"][i]) - 1):
            at = int(rows["next"][at]) - 1
            behind.add(at)
    require(held.total() == mapping_state(m).nr_maps, lambda: "mappings that owners keep are miscounted")
    for part in parts("check"):
        if own := getattr(part, "dma_mappings", None):
            held.update(own(built))
    for dev in range(len(dma_devices(m))):
        live = int(dma_devices(m)[dev].live)
        require(
            held[dev] == live, lambda dev=dev, live=live: f"device {dev} has {live} mappings, {held[dev]} are known"
        )
    live = sum(int(dma_devices(m)[dev].live) for dev in range(len(dma_devices(m))))
    require(live == mapping_count(m).dma_live, lambda: "live mappings are miscounted")


def _lead_somewhere(built: Built, rows: np.ndarray, used: np.ndarray) -> None:
    """Every address that somebody has of a translated piece leads to the frame that it was mapped to."""
    m = built.memory.m
    for i in used.tolist():
        d, row = dma_devices(m)[int(rows["dev"][i])], rows[i]
        if not d.translated or row["sg"] or row["length"] != row["bytes"]:
            continue
        pfn = iova_to_pfn(m, int(d.domain), int(row["address"]) // PAGE)
        require(pfn == row["pfn"] + row["offset"] // PAGE,
                lambda i=i: f"mapping {i} leads elsewhere than to its frame")  # fmt: skip
