"""Groups are charged for what they hold, and hold no more than they may."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED, NR_FILE_MAPPED, NR_FILE_PAGES, NR_PAGETABLE, STATS
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.check import folios
from mmrun.model.mm.page.flags import ANON_PAGE, FILE_PAGE, PAGE_TABLE, USER
from mmrun.model.mm.task.check import mapped_of_files
from mmrun.model.mm.zswap.state import zswap_settings
from mmrun.model.net.tcp_mem.state import tcp_mem_settings


def verify(built: Built, seen: np.ndarray) -> None:
    """Second lists under the double LRU; charges, protection, swap; memory.stat."""
    _group_lists(built)
    _charges(built)
    _stats(built)


def _group_lists(built: Built) -> None:
    """The second lists of the double LRU: every page of a group on its group's list of the same kind, and no other."""
    m, frames, links = built.memory.m, built.memory.table("frames"), built.memory.table("page_cgroup")
    if not lru_settings(m).double_lru:
        return
    seen = np.zeros(len(frames), dtype=np.int8)
    for lv in range(int(geometry(m).nr_zones), len(built.cgroups) * int(geometry(m).nr_zones)):
        vec = built.memory.table("lruvecs")[lv]
        for lru in range(4):
            linked = np.array(chain(links, int(vec.lists[lru].head), int(vec.lists[lru].n)), dtype=np.int64)
            require(
                (1 << frames["order"][linked].astype(np.int64)).sum() == vec.lists[lru].n,
                lambda lv=lv: f"a group's list of lruvec {lv} miscounts",
            )
            seen[linked] += 1
            pages = frames[linked]
            kind = np.where(pages["state"] & state.ANON, 0, 2) + ((pages["state"] & state.ACTIVE) != 0)
            require(
                (kind == lru).all() and (pages["memcg"] == vec.memcg).all() and (pages["zone"] == vec.zone).all(),
                lambda lv=lv: f"a group's list of lruvec {lv} is out of step with the zone's",
            )
    expected = ((frames["state"] & state.LRU) != 0) & (frames["memcg"] != 0)
    require((seen == expected).all(), lambda: f"frame {int(np.argmax(seen != expected))} is on one list of the two")


def _charges(built: Built) -> None:
    m, frames, rows = built.memory.m, built.memory.table("frames"), built.memory.table("memcgs")
    live = frames[
        ((frames["state"] & USER) != 0)
        | ((((frames["state"] & state.NEW) != 0) | (frames["kind"] == state.HUGETLB_PAGE)) & (frames["memcg"] >= 0))
    ]
    pages = 1 << live["order"].astype(np.int64)
    own = np.bincount(live["memcg"], weights=pages, minlength=len(rows)).astype(np.int64) + rows["kmem"]
    for cpu in cpus(m)[: int(geometry(m).nr_cpus)]:
        np.add.at(own, cpu.stock_memcg, cpu.stock)
    forced = np.zeros(len(rows), dtype=bool)
    if tcp_mem_settings(m).reclaim_tells:  # memory of sockets is among what limits hold
        sockets = built.memory.table("sock_groups")
        own, forced = own + sockets["sock"] + sockets["in_hand"], sockets["forced"] > 0
    if zswap_settings(m).zswap_charged and len(zswap := built.memory.table("zswap_groups")):
        forced = forced | (zswap["forced"] > 0)  # reclaim charges what it compresses whatever the limit
    before = np.concatenate([[0], np.cumsum(own)])
    expected = before[rows["end"]] - before[:-1]  # descendants are the numbers up to `end`
    expected[0] = own[0]
    wrong = rows["usage"] != expected
    require(
        not wrong.any(),
        lambda: f"groups {np.flatnonzero(wrong)} are charged {rows['usage'][wrong]}, hold {expected[wrong]}",
    )
    above = (rows["usage"] > np.maximum(rows["limit"], rows["excused"])) & ~forced
    require(not above.any(), lambda: f"groups {np.flatnonzero(above)} use more than their limit")
    protection(rows, bool(memcg_settings(built.memory.m).shares_overcommitted))
    _swap_charges(built, rows)


def protection(rows: np.ndarray, shares_overcommitted: bool) -> None:
    """What a group's children have covered by memory.min and memory.low is what each of them uses up to its setting.

    Until 5.6 (not `shares_overcommitted`) a child that uses more has nothing covered.
    """
    for setting, total in (("memory_min", "children_min"), ("memory_low", "children_low")):
        usage, most = rows["usage"][1:], rows[setting][1:]
        covered = np.minimum(usage, most) if shares_overcommitted else np.where(usage <= most, usage, 0)
        expected = np.bincount(rows["parent"][1:], weights=covered, minlength=len(rows)).astype(np.int64)
        require((rows[total] == expected).all(), lambda total=total: f"{total} is not what the children use of theirs")


def _stats(built: Built) -> None:
    """Gauges of memory.stat are what the frames say."""
    frames, stat = built.memory.table("frames"), built.memory.table("memcgs")["stat"]
    anon, file, mapped = frames["kind"] == ANON_PAGE, frames["kind"] == FILE_PAGE, frames["mapcount"] > 0
    of_files = np.bincount(folios(frames, mapped_of_files(built)), minlength=len(frames))
    pages = 1 << np.where(anon | file, frames["order"], 0).astype(np.int64)
    for item, found, each in (
        (NR_ANON_MAPPED, anon & mapped, frames["mapcount"]), (NR_FILE_PAGES, file, pages),
        (NR_FILE_MAPPED, file & mapped, of_files), (NR_PAGETABLE, frames["kind"] == PAGE_TABLE, pages),
    ):  # fmt: skip
        counted = np.bincount(frames["memcg"][found], weights=each[found], minlength=len(stat))
        require(
            (stat[:, item] == counted).all(),
            lambda item=item, counted=counted: (
                f"{[*STATS][item]} of groups is {stat[:, item]}, there are {counted.astype(int)}"
            ),
        )


def _swap_charges(built: Built, rows: np.ndarray) -> None:
    owners = built.memory.table("swapmap").astype(np.int64)
    own = np.bincount(owners[owners > 0] - 1, minlength=len(rows))
    before = np.concatenate([[0], np.cumsum(own)])
    expected = before[rows["end"]] - before[:-1]
    expected[0] = own[0]
    require((rows["swap_pages"] == expected).all(), lambda: "swap slots charged to the wrong groups")
    most = np.maximum(rows["swap_limit"], rows["swap_excused"])
    require((rows["swap_pages"] <= most).all(), lambda: "a group swapped more than it may")
