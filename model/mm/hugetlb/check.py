"""Pools have the pages they say, each free, promised or mapped; what was promised is there."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.hugetlb.state import ORDERS, POOLS, mappings, pools
from mmrun.model.mm.page.flags import HUGETLB_PAGE, KERNEL
from mmrun.model.mm.task.state import PTE_FRAME, PTE_PRESENT, PTE_SHIFT


def verify(built: Built, seen: np.ndarray) -> None:
    """Counts of pools against frames, mappings against page tables."""
    m, frames = built.memory.m, built.memory.table("frames")
    for size in range(POOLS):
        _pool(built, size)
    used = frames["kind"] == HUGETLB_PAGE
    require((frames["state"][used] == KERNEL).all(), lambda: "a page of a pool is in somebody else's use")
    require((frames["mapcount"][used] == 0).all(), lambda: "a page of a pool counts its mappings")
    require(len(mappings(m)) == 0 or _mapped(built) == int(mappings(m)["pages"].sum()),
            lambda: "mappings of pool pages are miscounted")  # fmt: skip


def _pool(built: Built, size: int) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    pool, free = pools(m)[size], 0
    own = np.flatnonzero((frames["kind"] == HUGETLB_PAGE) & (frames["order"] == ORDERS[size]))
    require(len(own) == pool.nr, lambda: f"pool {size} counts {pool.nr} pages, there are {len(own)}")
    by_node = np.bincount(frames["node"][own], minlength=len(pool.nr_node))
    require((by_node == pool.nr_node).all(), lambda: f"pool {size} miscounts the pages of a node")
    for nid in range(built.plan.nodes):
        waiting = chain(frames, int(pool.lists[nid]["head"]), int(pool.lists[nid]["n"]))
        require((frames["node"][waiting] == nid).all(), lambda: f"pool {size} has a page on the wrong node's list")
        free += len(waiting)
        require(pool.surplus_node[nid] <= pool.nr_node[nid], lambda: f"pool {size}: more surplus pages than pages")
    require(free == pool.free, lambda: f"pool {size} counts {pool.free} free pages, has {free}")
    require(pool.surplus == pool.surplus_node.sum(), lambda: f"pool {size} miscounts surplus pages")
    rows = mappings(m)[mappings(m)["pool"] == size + 1]
    promised, used = int(rows["reserved"].sum()), int(rows["pages"].sum())
    require(promised == pool.resv, lambda: f"pool {size} has promised {pool.resv} pages, mappings hold {promised}")
    require(0 <= pool.resv <= pool.free, lambda: f"pool {size}: {pool.resv} pages promised of {pool.free}")
    require(used == pool.nr - pool.free, lambda: f"pool {size}: {used} pages mapped, {pool.nr - pool.free} in use")


def _mapped(built: Built) -> int:
    """Pages of pools that page tables map."""
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    pfns = (words[(words & PTE_PRESENT) != 0] >> PTE_SHIFT) & PTE_FRAME
    return int((frames["kind"][np.unique(pfns)] == HUGETLB_PAGE).sum())
