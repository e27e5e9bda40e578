"""Generations hold what pages say, and groups stand in line once."""

import numpy as np

from mmrun.model.core.law import chain, occupied, require
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import MEMCG_BINS, MEMCG_GENS, geometry, nodes
from mmrun.model.mm.generations.state import MAX_GENS
from mmrun.model.mm.lru.check import generation_of, lruvec_numbers
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.check import see
from mmrun.model.mm.page.state import zones


def verify(built: Built, seen: np.ndarray) -> None:
    """Lists of generations; the LRU of groups."""
    _generations(built, seen)
    _memcg_lru(built)


def _generations(built: Built, seen: np.ndarray) -> None:
    """Every page of a generation stands in one list of its lruvec, kind and zone; sizes count what pages say."""
    m, frames = built.memory.m, built.memory.table("frames")
    kinds = zones(m)["kind"]
    for lv, g in enumerate(built.memory.table("lrugens")):
        oldest, newest = g.min_seq, int(g.max_seq)
        require(
            all(2 <= newest - int(seq) + 1 <= MAX_GENS for seq in oldest),
            lambda lv=lv: f"lruvec {lv} has too few or too many generations",
        )
        said = np.zeros(g.pages.shape, dtype=np.int64)
        for (gen, kind, zone), head, n in occupied(g.lists):
            linked = np.array(chain(frames, head, n), dtype=np.int64)
            pages = frames[linked]
            see(frames, seen, linked)
            mine = (
                (len(linked) == n)
                & (lruvec_numbers(built, pages) == lv)
                & (kinds[pages["zone"]] == zone)
                & (((pages["state"] & state.ANON) == 0) == kind)
                & ((pages["state"] & state.HOME_MASK) >> state.HOME_SHIFT == gen)
                & ((pages["state"] & state.LRU) != 0)
            )
            require(mine.all(), lambda lv=lv: f"a list of a generation of lruvec {lv} is wrong")
            np.add.at(said[:, kind, zone], generation_of(pages["state"]), 1 << pages["order"].astype(np.int64))
        require((said == g.pages).all(), lambda lv=lv: f"the generations of lruvec {lv} miscount their pages")


def _memcg_lru(built: Built) -> None:
    """Every group stands once on every node, in a list of the old or the young generation, and is counted there."""
    m, table = built.memory.m, built.memory.table("lrugens")
    if not memcg_settings(m).memcg_lru:
        return
    for nid in range(int(geometry(m).nr_nodes)):
        node = nodes(m)[nid]
        first, live = int(node.first_zone), {int(node.memcg_seq + i) % MEMCG_GENS for i in range(2)}
        seen = np.zeros(len(built.cgroups), dtype=np.int64)
        for gen in range(MEMCG_GENS):
            standing = 0
            for place in range(MEMCG_BINS):
                rows = node.memcg_lists[gen, place]
                linked = chain(table, int(rows.head), int(rows.n))
                mine = table[linked]
                require(
                    len(linked) == rows.n
                    and (mine["memcg_gen"] == gen).all()
                    and (mine["memcg_bin"] == place).all()
                    and all(lv % int(geometry(m).nr_zones) == first for lv in linked),
                    lambda nid=nid: f"a list of groups of node {nid} is wrong",
                )
                np.add.at(seen, np.array(linked, dtype=np.int64) // int(geometry(m).nr_zones), 1)
                standing += len(linked)
            require(
                standing == node.memcg_nr[gen] and (standing == 0 or gen in live),
                lambda nid=nid: f"node {nid} miscounts its groups by generation",
            )
        wrong = np.flatnonzero(seen != 1)
        require(len(wrong) == 0, lambda nid=nid, wrong=wrong: f"groups {wrong} are not once on node {nid}")
