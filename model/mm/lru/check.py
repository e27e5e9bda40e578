"""Pages stand on the lists they should be on, and are counted there."""

import numpy as np

from mmrun.model.core.law import chain, occupied, require
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import cpus, geometry, nodes
from mmrun.model.mm.generations.state import MAX_GENS
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.check import see
from mmrun.model.mm.page.state import zones


def verify(built: Built, seen: np.ndarray) -> None:
    """Lists of lruvecs, their sizes, pages on their way to them."""
    _lists(built, seen)
    _list_sizes(built)
    _batches(built, seen)


def _lists(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    groups = 1 if lru_settings(m).double_lru else len(built.cgroups)
    lruvecs = built.memory.table("lruvecs")[: groups * int(geometry(m).nr_zones)]
    for (lv, lru), head, n in occupied(lruvecs["lists"]):
        linked = np.array(chain(frames, head, n), dtype=np.int64)
        require(
            (1 << frames["order"][linked].astype(np.int64)).sum() == n,
            lambda lv=lv: f"a list of lruvec {lv} miscounts",
        )
        see(frames, seen, linked)
        where = frames["state"][linked]
        require(((where & state.LRU) != 0).all(), lambda lv=lv: f"a page on lruvec {lv} does not know it")
        active, file = (where & state.ACTIVE) != 0, (where & state.ANON) == 0
        require(
            (active == (lru & 1)).all() and (file == (lru >= 2)).all(),
            lambda lv=lv: f"a page is on the wrong list of lruvec {lv}",
        )
        require(
            lru_settings(m).double_lru or (frames["memcg"][linked] == lruvecs["memcg"][lv]).all(),
            lambda lv=lv: f"lruvec {lv} holds another group's page",
        )


def _list_sizes(built: Built) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    listed = frames[(frames["state"] & state.LRU) != 0]
    active = (listed["state"] & state.ACTIVE) != 0
    if lru_settings(m).lru_gen:
        require(not active.any(), lambda: "a page in a generation has the active flag")
        newest = built.memory.table("lrugens")["max_seq"][lruvec_numbers(built, listed)]
        active = np.isin((newest - generation_of(listed["state"])) % MAX_GENS, (0, 1))
    lru = np.where(listed["state"] & state.ANON, 0, 2) + active
    for z in range(int(geometry(m).nr_zones)):
        own = listed["zone"] == z
        found = np.bincount(lru[own], weights=1 << listed["order"][own].astype(np.int64), minlength=4)
        require(
            (found == zones(m)[z].nr_lru).all(),
            lambda z=z, found=found: f"zone {z} counts {zones(m)[z].nr_lru} pages on its lists, has {found}",
        )


def _batches(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    for cpu in range(int(geometry(m).nr_cpus)):
        see(frames, seen, cpus(m)[cpu].pfn[: int(cpus(m)[cpu].n)])


def generation_of(states: np.ndarray) -> np.ndarray:
    """Generation each page says it is in, -1 for none."""
    return ((states & state.GEN_MASK) >> state.GEN_SHIFT) - 1


def lruvec_numbers(built: Built, pages: np.ndarray) -> np.ndarray:
    """Number of the lruvec each page belongs to, while lists are a node's."""
    m = built.memory.m
    return pages["memcg"].astype(np.int64) * int(geometry(m).nr_zones) + nodes(m)["first_zone"][pages["node"]]
