"""Conservation: every frame in exactly one place, every list, charge and mapping consistent (`--check`).

Plain numpy over whole tables, so it shares no code with the kernels it checks.
"""

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import MEMCG_BINS, MEMCG_GENS, cpus, geometry, nodes
from mmrun.model.mm.generations.state import MAX_GENS
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.state import MAX_ORDER, MIGRATETYPES, pcps, zones
from mmrun.model.mm.slab import check as check_slab
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.task.state import PTE_FRAME, PTE_PRESENT, PTE_SHIFT
from mmrun.model.mm.writeback import check as check_writeback

USER = state.LRU | state.BATCHED | state.ISOLATED  # where a page of a task or file is


class Violation(AssertionError):
    """A conservation law does not hold; the message names it."""


def verify(built: Built) -> None:
    """Check every law; Violation names the first one that does not hold."""
    seen = np.zeros(len(built.memory.table("frames")), dtype=np.int8)
    _free_blocks(built, seen)
    _pcps(built, seen)
    _lists(built, seen)
    _generations(built, seen)
    _memcg_lru(built)
    _group_lists(built)
    _list_sizes(built)
    _batches(built, seen)
    _kernel(built, seen)
    _require((seen == 1).all(), lambda: f"frame {int(np.argmax(seen != 1))} is in {int(seen[seen != 1][0])} places")
    _kinds(built)
    _mappings(built)
    _caches(built)
    _charges(built)
    problems = check_writeback.violations(built)
    if built.cell.slab:
        problems += check_slab.violations(built)
    _require(not problems, lambda: "; ".join(problems))


def _require(holds: bool | np.bool_, message) -> None:
    if not holds:
        raise Violation(message())


def _chain(frames: np.ndarray, head: int, limit: int) -> list[int]:
    found = []
    while head != NONE:
        found.append(head)
        if len(found) > limit:
            raise Violation(f"a list that counts {limit} goes on at frame {head}")
        head = int(frames["next"][head])
    return found


def _free_blocks(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    for z in range(int(geometry(m).nr_zones)):
        free = 0
        for order in range(MAX_ORDER):
            for mt in range(MIGRATETYPES):
                area = zones(m)[z].areas[order, mt]
                for pfn in _chain(frames, int(area.head), int(area.nr_free)):
                    seen[pfn : pfn + (1 << order)] += 1
                    free += 1 << order
                    _require(frames["state"][pfn] == state.FREE and frames["order"][pfn] == order,
                             lambda pfn=pfn: f"free block at {pfn} is not marked as one")  # fmt: skip
        _require(
            free == zones(m)[z].nr_free,
            lambda z=z, free=free: f"zone {z} counts {zones(m)[z].nr_free} free, has {free}",
        )


def _pcps(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    for cpu in range(int(geometry(m).nr_cpus)):
        for z in range(int(geometry(m).nr_zones)):
            chain = _chain(frames, int(pcps(m)[cpu, z].head), int(pcps(m)[cpu, z].n))
            _require(len(chain) == pcps(m)[cpu, z].n, lambda cpu=cpu, z=z: f"per-CPU list {cpu}/{z} miscounts")
            seen[chain] += 1


def _lists(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    groups = 1 if lru_settings(m).double_lru else len(built.cgroups)
    for lv in range(groups * int(geometry(m).nr_zones)):
        for lru in range(4):
            rows = built.memory.table("lruvecs")[lv].lists[lru]
            chain = np.array(_chain(frames, int(rows.head), int(rows.n)), dtype=np.int64)
            _require(len(chain) == rows.n, lambda lv=lv: f"a list of lruvec {lv} miscounts")
            seen[chain] += 1
            where = frames["state"][chain]
            _require(((where & state.LRU) != 0).all(), lambda lv=lv: f"a page on lruvec {lv} does not know it")
            active, file = (where & state.ACTIVE) != 0, (where & state.ANON) == 0
            _require(
                (active == (lru & 1)).all() and (file == (lru >= 2)).all(),
                lambda lv=lv: f"a page is on the wrong list of lruvec {lv}",
            )
            _require(
                lru_settings(m).double_lru or (frames["memcg"][chain] == built.memory.table("lruvecs")[lv].memcg).all(),
                lambda lv=lv: f"lruvec {lv} holds another group's page",
            )


def _group_lists(built: Built) -> None:
    """The second lists of the double LRU: every page of a group on its group's list of the same kind, and no other."""
    m, frames, links = built.memory.m, built.memory.table("frames"), built.memory.table("page_cgroup")
    if not lru_settings(m).double_lru:
        return
    seen = np.zeros(len(frames), dtype=np.int8)
    for lv in range(int(geometry(m).nr_zones), len(built.cgroups) * int(geometry(m).nr_zones)):
        vec = built.memory.table("lruvecs")[lv]
        for lru in range(4):
            chain = np.array(_chain(links, int(vec.lists[lru].head), int(vec.lists[lru].n)), dtype=np.int64)
            _require(len(chain) == vec.lists[lru].n, lambda lv=lv: f"a group's list of lruvec {lv} miscounts")
            seen[chain] += 1
            pages = frames[chain]
            kind = np.where(pages["state"] & state.ANON, 0, 2) + ((pages["state"] & state.ACTIVE) != 0)
            _require(
                (kind == lru).all() and (pages["memcg"] == vec.memcg).all() and (pages["zone"] == vec.zone).all(),
                lambda lv=lv: f"a group's list of lruvec {lv} is out of step with the zone's",
            )
    expected = ((frames["state"] & state.LRU) != 0) & (frames["memcg"] != 0)
    _require((seen == expected).all(), lambda: f"frame {int(np.argmax(seen != expected))} is on one list of the two")


def _generation(states: np.ndarray) -> np.ndarray:
    """Generation each page says it is in, -1 for none."""
    return ((states & state.GEN_MASK) >> state.GEN_SHIFT) - 1


def _lruvec_numbers(built: Built, pages: np.ndarray) -> np.ndarray:
    """Number of the lruvec each page belongs to, while lists are a node's."""
    m = built.memory.m
    return pages["memcg"].astype(np.int64) * int(geometry(m).nr_zones) + nodes(m)["first_zone"][pages["node"]]


def _generations(built: Built, seen: np.ndarray) -> None:
    """Every page of a generation stands in one list of its lruvec, kind and zone; sizes count what pages say."""
    m, frames = built.memory.m, built.memory.table("frames")
    kinds = zones(m)["kind"]
    for lv, g in enumerate(built.memory.table("lrugens")):
        oldest, newest = g.min_seq, int(g.max_seq)
        _require(
            all(2 <= newest - int(seq) + 1 <= MAX_GENS for seq in oldest),
            lambda lv=lv: f"lruvec {lv} has too few or too many generations",
        )
        said = np.zeros(g.pages.shape, dtype=np.int64)
        for gen, kind, zone in np.ndindex(*g.pages.shape):
            rows = g.lists[gen, kind, zone]
            chain = np.array(_chain(frames, int(rows.head), int(rows.n)), dtype=np.int64)
            pages = frames[chain]
            seen[chain] += 1
            mine = (
                (len(chain) == rows.n)
                & (_lruvec_numbers(built, pages) == lv)
                & (kinds[pages["zone"]] == zone)
                & (((pages["state"] & state.ANON) == 0) == kind)
                & ((pages["state"] & state.HOME_MASK) >> state.HOME_SHIFT == gen)
                & ((pages["state"] & state.LRU) != 0)
            )
            _require(mine.all(), lambda lv=lv: f"a list of a generation of lruvec {lv} is wrong")
            np.add.at(said[:, kind, zone], _generation(pages["state"]), 1)
        _require((said == g.pages).all(), lambda lv=lv: f"the generations of lruvec {lv} miscount their pages")


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
                chain = _chain(table, int(rows.head), int(rows.n))
                mine = table[chain]
                _require(
                    len(chain) == rows.n
                    and (mine["memcg_gen"] == gen).all()
                    and (mine["memcg_bin"] == place).all()
                    and all(lv % int(geometry(m).nr_zones) == first for lv in chain),
                    lambda nid=nid: f"a list of groups of node {nid} is wrong",
                )
                np.add.at(seen, np.array(chain, dtype=np.int64) // int(geometry(m).nr_zones), 1)
                standing += len(chain)
            _require(
                standing == node.memcg_nr[gen] and (standing == 0 or gen in live),
                lambda nid=nid: f"node {nid} miscounts its groups by generation",
            )
        wrong = np.flatnonzero(seen != 1)
        _require(len(wrong) == 0, lambda nid=nid, wrong=wrong: f"groups {wrong} are not once on node {nid}")


def _list_sizes(built: Built) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    listed = frames[(frames["state"] & state.LRU) != 0]
    active = (listed["state"] & state.ACTIVE) != 0
    if lru_settings(m).lru_gen:
        _require(not active.any(), lambda: "a page in a generation has the active flag")
        newest = built.memory.table("lrugens")["max_seq"][_lruvec_numbers(built, listed)]
        active = np.isin((newest - _generation(listed["state"])) % MAX_GENS, (0, 1))
    lru = np.where(listed["state"] & state.ANON, 0, 2) + active
    for z in range(int(geometry(m).nr_zones)):
        found = np.bincount(lru[listed["zone"] == z], minlength=4)
        _require(
            (found == zones(m)[z].nr_lru).all(),
            lambda z=z, found=found: f"zone {z} counts {zones(m)[z].nr_lru} pages on its lists, has {found}",
        )


def _batches(built: Built, seen: np.ndarray) -> None:
    m = built.memory.m
    for cpu in range(int(geometry(m).nr_cpus)):
        seen[cpus(m)[cpu].pfn[: int(cpus(m)[cpu].n)]] += 1


def _kernel(built: Built, seen: np.ndarray) -> None:
    """Frames in the kernel's use, and those that somebody in the kernel has in hand while he sleeps."""
    seen[(built.memory.table("frames")["state"] & (state.KERNEL | state.ISOLATED | state.NEW)) != 0] += 1


def _kinds(built: Built) -> None:
    """What a frame says it is used for is what it is used for."""
    frames = built.memory.table("frames")
    states = frames["state"]
    user, anon, kernel = (states & USER) != 0, (states & state.ANON) != 0, (states & state.KERNEL) != 0
    for kind, expected in (
        (state.FREE_BLOCK, (states & state.FREE) != 0),
        (state.PER_CPU, (states & state.PCP) != 0),
        (state.ANON_PAGE, user & anon),
        (state.FILE_PAGE, user & ~anon),
        (state.SLAB_PAGE, (states & state.SLAB) != 0),
    ):
        wrong = np.flatnonzero((frames["kind"] == kind) != expected)
        wrong = wrong[(states[wrong] & state.NEW) == 0]
        _require(len(wrong) == 0, lambda kind=kind, wrong=wrong: f"frame {wrong[0]} is of kind {kind} or not, wrongly")
    used = np.isin(
        frames["kind"], (state.SLAB_PAGE, state.PAGE_TABLE, state.KERNEL_PAGE, state.ZRAM_PAGE, state.BOOT_PAGE)
    )
    _require((used == kernel).all(), lambda: f"frame {int(np.argmax(used != kernel))}: kind and kernel use disagree")


def _mappings(built: Built) -> None:
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    present = (words & PTE_PRESENT) != 0
    pfns = (words[present] >> PTE_SHIFT) & PTE_FRAME
    counted = np.bincount(pfns, minlength=len(frames))
    _require(
        (counted == frames["mapcount"]).all(),
        lambda: f"frame {int(np.argmax(counted != frames['mapcount']))}: wrong mapcount",
    )
    anon = (frames["state"][pfns] & state.ANON) != 0
    _require(
        (frames["owner"][pfns[anon]] == np.flatnonzero(present)[anon]).all(),
        lambda: "an anonymous page has another owner",
    )
    slots = (words[~present & (words != 0)] >> PTE_SHIFT) - 1
    _require((built.memory.table("swapmap")[slots] > 0).all(), lambda: "a page-table word names a free swap slot")
    _require(len(np.unique(slots)) == len(slots), lambda: "two page-table words name one swap slot")
    unnamed = built.memory.table("swapmap") > 0
    unnamed[slots] = False
    _require(
        (built.memory.table("swapcache")[unnamed] > 0).all(),
        lambda: "a swap slot in use has neither a page-table word nor a cached page",
    )


def _caches(built: Built) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    filed = frames[((frames["state"] & USER) != 0) & ((frames["state"] & state.ANON) == 0)]
    swapped = int(((frames["state"] & state.SWAPCACHE) != 0).sum())
    for name, field, holding in (("cache", "owner", len(filed)), ("swapcache", "slot", swapped)):
        entries = built.memory.table(name)
        cached = np.flatnonzero(entries > 0)
        pfns = entries[cached] - 1
        expected = cached if name == "cache" else cached + 1
        _require(
            (frames[field][pfns] == expected).all(),
            lambda name=name: f"a frame in the {name} table does not know its slot",
        )
        _require(len(cached) == holding, lambda name=name: f"a frame with a slot is not in the {name} table")
    _require(
        int((built.memory.table("swapmap") > 0).sum()) == int(swaps(m)["used"].sum()), lambda: "swap slots miscounted"
    )
    _require(len(filed) == int(zones(m)["nr_file"].sum()), lambda: "file pages miscounted")
    mapped = int((filed["mapcount"] > 0).sum())
    _require(
        mapped == int(zones(m)["nr_mapped"].sum()),
        lambda: f"nr_mapped counts {zones(m)['nr_mapped'].sum()}, there are {mapped}",
    )


def _charges(built: Built) -> None:
    m, frames, rows = built.memory.m, built.memory.table("frames"), built.memory.table("memcgs")
    live = frames[((frames["state"] & USER) != 0) | (((frames["state"] & state.NEW) != 0) & (frames["memcg"] >= 0))]
    own = np.bincount(live["memcg"], minlength=len(rows)) + rows["kmem"]
    for cpu in cpus(m)[: int(geometry(m).nr_cpus)]:
        np.add.at(own, cpu.stock_memcg, cpu.stock)
    before = np.concatenate([[0], np.cumsum(own)])
    expected = before[rows["end"]] - before[:-1]  # descendants are the numbers up to `end`
    expected[0] = own[0]
    wrong = rows["usage"] != expected
    _require(
        not wrong.any(),
        lambda: f"groups {np.flatnonzero(wrong)} are charged {rows['usage'][wrong]}, hold {expected[wrong]}",
    )
    above = rows["usage"] > rows["limit"]
    _require(not above.any(), lambda: f"groups {np.flatnonzero(above)} use more than their limit")
    _protection(rows, bool(memcg_settings(built.memory.m).shares_overcommitted))
    _swap_charges(built, rows)


def _protection(rows: np.ndarray, shares_overcommitted: bool) -> None:
    """What a group's children have covered by memory.min and memory.low is what each of them uses up to its setting.

    Until 5.6 (not `shares_overcommitted`) a child that uses more has nothing covered.
    """
    for setting, total in (("memory_min", "children_min"), ("memory_low", "children_low")):
        usage, most = rows["usage"][1:], rows[setting][1:]
        covered = np.minimum(usage, most) if shares_overcommitted else np.where(usage <= most, usage, 0)
        expected = np.bincount(rows["parent"][1:], weights=covered, minlength=len(rows)).astype(np.int64)
        _require((rows[total] == expected).all(), lambda total=total: f"{total} is not what the children use of theirs")


def _swap_charges(built: Built, rows: np.ndarray) -> None:
    owners = built.memory.table("swapmap").astype(np.int64)
    own = np.bincount(owners[owners > 0] - 1, minlength=len(rows))
    before = np.concatenate([[0], np.cumsum(own)])
    expected = before[rows["end"]] - before[:-1]
    expected[0] = own[0]
    _require((rows["swap_pages"] == expected).all(), lambda: "swap slots charged to the wrong groups")
    _require((rows["swap_pages"] <= rows["swap_limit"]).all(), lambda: "a group swapped more than it may")
