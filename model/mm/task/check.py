"""Page tables, files and swap slots name the frames that name them; the time of tasks is made up of what they did."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.check import folios
from mmrun.model.mm.page.flags import USER
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS, PTE_FRAME, PTE_PRESENT, PTE_SHIFT, fault_settings
from mmrun.model.mm.task.times import clocks, starts


def verify(built: Built, seen: np.ndarray) -> None:
    """Time, mappings, the page cache, the swap cache."""
    _times(built)
    _mappings(built)
    _caches(built)


def _times(built: Built) -> None:
    """To the nanosecond, whoever may be asleep, killed, or yet to start."""
    counts = built.memory.table("task_count")
    lived = clocks(built) - starts(built)
    apart = _sums(counts, APART)
    require(
        (apart == lived).all(),
        lambda: "; ".join(
            f"task {built.tasks[t]} has lived for {lived[t]} ns, of which {apart[t]} are counted"
            for t in np.flatnonzero(apart != lived)[:3]
        ),
    )
    inside, reclaims = _sums(counts, OF_RECLAIM), _sums(counts, RECLAIMS)
    require(
        (inside <= reclaims).all(),
        lambda: f"task {built.tasks[int(np.argmax(inside > reclaims))]} waited in reclaim for longer than it reclaimed",
    )


def _sums(counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.sum([counts[name] for name in names], axis=0)


def _mappings(built: Built) -> None:
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    present = ((words & PTE_PRESENT) != 0) | (words & PTE_FLAGS == PTE_DIRTY)  # or a hint entry
    pfns = (words[present] >> PTE_SHIFT) & PTE_FRAME
    # Pages of pools and the page of zeros count no mappings.
    zeros, firsts = fault_settings(built.memory.m).zero_pfn, folios(frames, pfns)
    mapped = (frames["kind"][firsts] != state.HUGETLB_PAGE) & (pfns != zeros)
    present[present] = mapped
    pfns, firsts = pfns[mapped], firsts[mapped]
    counted = np.bincount(firsts, minlength=len(frames))
    require(
        (counted == frames["mapcount"]).all(),
        lambda: f"frame {int(np.argmax(counted != frames['mapcount']))}: wrong mapcount",
    )
    anon = (frames["state"][firsts] & state.ANON) != 0
    require(
        (frames["owner"][firsts[anon]] + pfns[anon] - firsts[anon] == np.flatnonzero(present)[anon]).all(),
        lambda: "an anonymous page has another owner",
    )
    slots = (words[(words & PTE_FLAGS == 0) & (words != 0)] >> PTE_SHIFT) - 1
    require((built.memory.table("swapmap")[slots] > 0).all(), lambda: "a page-table word names a free swap slot")
    require(len(np.unique(slots)) == len(slots), lambda: "two page-table words name one swap slot")
    unnamed = built.memory.table("swapmap") > 0
    unnamed[slots] = False
    require(
        (built.memory.table("swapcache")[unnamed] > 0).all(),
        lambda: "a swap slot in use has neither a page-table word nor a cached page",
    )


def mapped_of_files(built: Built) -> np.ndarray:
    """The frames of files' pages, large folios' among them, that some page-table word maps."""
    frames, words = built.memory.table("frames"), built.memory.table("pte").astype(np.int64)
    present = ((words & PTE_PRESENT) != 0) | (words & PTE_FLAGS == PTE_DIRTY)
    pfns = np.unique((words[present] >> PTE_SHIFT) & PTE_FRAME)
    return pfns[frames["kind"][folios(frames, pfns)] == state.FILE_PAGE]


def _caches(built: Built) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    filed = frames[((frames["state"] & USER) != 0) & ((frames["state"] & state.ANON) == 0)]
    cached = frames[(frames["state"] & state.SWAPCACHE) != 0]
    swapped, in_files = (int((1 << pages["order"].astype(np.int64)).sum()) for pages in (cached, filed))
    for name, field, holding in (("cache", "owner", in_files), ("swapcache", "slot", swapped)):
        entries = built.memory.table(name)
        cached = np.flatnonzero(entries > 0)
        pfns = entries[cached] - 1
        firsts = folios(frames, pfns)
        expected = cached if name == "cache" else cached + 1
        require(
            (frames[field][firsts] + pfns - firsts == expected).all(),
            lambda name=name: f"a frame in the {name} table does not know its slot",
        )
        require(len(cached) == holding, lambda name=name: f"a frame with a slot is not in the {name} table")
    require(
        int((built.memory.table("swapmap") > 0).sum()) == int(swaps(m)["used"].sum()), lambda: "swap slots miscounted"
    )
    require(in_files == int(zones(m)["nr_file"].sum()), lambda: "file pages miscounted")
    mapped = len(mapped_of_files(built))
    require(
        mapped == int(zones(m)["nr_mapped"].sum()),
        lambda: f"nr_mapped counts {zones(m)['nr_mapped'].sum()}, there are {mapped}",
    )
