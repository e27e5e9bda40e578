"""Conservation of slab memory: every object on a page of its cache, every unused one on its list, every charge paid."""

import numpy as np

from mmrun.model.core.law import occupied, require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry, node_count
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.slab.list_lru import BUSY, LISTED, PINNING
from mmrun.model.mm.slab.state import slab_settings
from mmrun.model.units import PAGE


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; Violation names all that do not hold."""
    if not built.cell.slab:
        return
    found = violations(built)
    require(not found, lambda: "; ".join(found))


def violations(built: Built) -> list[str]:
    """What does not hold, in words; empty when everything does."""
    return [*_pages(built), *_partial(built), *_lists(built), *_pins(built), *_bytes(built)]


def _objects(built: Built) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the objects that exist, their rows, and the cache of each."""
    rows = built.memory.table("objects")
    alive = np.flatnonzero(rows["page"] > 0)
    caches = built.memory.table("spaces")["cache"][rows["space"][alive]]
    return alive, rows[alive], caches


def _pages(built: Built) -> list[str]:
    """Objects against the counts of their pages and caches."""
    frames, caches = built.memory.table("frames"), built.memory.table("slab_caches")
    _, rows, of = _objects(built)
    slabs = np.flatnonzero(frames["state"] & state.SLAB)
    found = np.bincount(rows["page"] - 1, minlength=len(frames))
    problems = []
    if not (found[slabs] == frames["slot"][slabs]).all() or found.sum() != found[slabs].sum():
        problems.append("slab pages miscount their objects, or an object is on a page that is none")
    if (frames["slot"][slabs] < 1).any():
        problems.append("a slab page without objects was not given back")
    per_list = len(built.cgroups) * int(geometry(built.memory.m).nr_nodes)
    owner = frames["owner"][slabs] // per_list
    if not (owner[np.searchsorted(slabs, rows["page"] - 1)] == of).all():
        problems.append("an object is on a page of another cache")
    if not (caches["nr_objects"] == np.bincount(of, minlength=len(caches))).all():
        problems.append("a slab cache miscounts its objects")
    if not (caches["nr_pages"] == np.bincount(owner, minlength=len(caches))).all():
        problems.append("a slab cache miscounts its pages")
    if not (caches["created"] - caches["freed"] - caches["dropped"] == caches["nr_objects"]).all():
        problems.append("a slab cache has other objects than were made and not freed")
    here = np.bincount(frames["node"][slabs], minlength=int(geometry(built.memory.m).nr_nodes))
    if node_count(built.memory.m)["nr_slab_pages"][: len(here)].tolist() != here.tolist():
        problems.append("a node miscounts its slab pages")
    return problems


def _partial(built: Built) -> list[str]:
    """Pages with free places are on the partial list of their owner, others on none."""
    frames, caches = built.memory.table("frames"), built.memory.table("slab_caches")
    listed = []
    for (number,), head, n in occupied(built.memory.table("slab_partial")):
        linked = _linked(frames, head, n)
        if (frames["owner"][linked] != number).any():
            return [f"partial list {number} holds a page of another one"]
        if len(linked) != n:
            return [f"partial list {number} counts {n} pages, has {len(linked)}"]
        listed += linked.tolist()
    slabs = np.flatnonzero(frames["state"] & state.SLAB)
    per_list = len(built.cgroups) * int(geometry(built.memory.m).nr_nodes)
    places = caches["per_page"][frames["owner"][slabs] // per_list]
    wanted = slabs[frames["slot"][slabs] < places]
    return [] if sorted(listed) == wanted.tolist() else ["the partial lists miss or repeat a page"]


def _linked(table: np.ndarray, head: int, n: int) -> np.ndarray:
    """The rows of a list that says it has `n`, up to one more than that."""
    found, following = list[int](), table["next"].view(np.ndarray).item
    while head != NONE and len(found) <= n:
        found.append(head)
        head = following(head)
    return np.array(found, dtype=np.int64)


def _lists(built: Built) -> list[str]:
    """Each list of unused objects holds the marked objects of its cache, node and group."""
    rows, caches = built.memory.table("objects"), built.memory.table("slab_caches")
    frames, spaces = built.memory.table("frames"), built.memory.table("spaces")
    nodes, seen = int(geometry(built.memory.m).nr_nodes), 0
    for c, cache in enumerate(caches):
        unused, own = 0, slice(int(cache.lists), int(cache.lists) + len(built.cgroups) * nodes)
        for (offset,), head, n in occupied(built.memory.table("slab_unused")[own]):
            linked = _linked(rows, head, n)
            listed = rows[linked]
            group = listed["memcg"].astype(np.int64) * bool(cache.by_group)
            node = frames["node"][listed["page"] - 1] * bool(cache.by_node)
            strange = (listed["page"] == 0) | (spaces["cache"][listed["space"]] != c) | (offset != group * nodes + node)
            if strange.any():
                return [f"object {linked[np.argmax(strange)]} is on a list that is not its own"]
            if len(linked) != n:
                return [f"a list of slab cache {c} counts {n} objects, has {len(linked)}"]
            unused += n
        if unused != cache.nr_unused:
            return [f"slab cache {c} counts {cache.nr_unused} unused objects, has {unused}"]
        seen += unused
    marked = int(((rows["marks"] & LISTED) != 0)[rows["page"] > 0].sum())
    return [] if seen == marked else [f"{marked} objects say that they are listed, {seen} are"]


def _pins(built: Built) -> list[str]:
    """Who is pinned knows by how many; an idle object of a cache that shrinks is on a list, unless it is being made."""
    rows, spaces = built.memory.table("objects"), built.memory.table("spaces")
    alive, live, of = _objects(built)
    pinning = (live["marks"] & PINNING) != 0
    others = (alive + spaces["pinned"][live["space"]])[pinning]
    pins = np.bincount(others, minlength=len(rows))
    if not (pins == rows["pins"] * (rows["page"] > 0)).all():
        return ["an object is pinned by others than it knows"]
    idle = (live["pins"] == 0) & (built.memory.table("slab_caches")["reclaimable"][of] == 1)
    idle &= live["marks"] & BUSY == 0
    if not (live["marks"][idle] & LISTED).all():
        return ["an idle object is on no list"]
    return []


def _bytes(built: Built) -> list[str]:
    """Since 5.9: bytes charged to a group are those of its objects, in pages with less than two to spare."""
    if not slab_settings(built.memory.m).slab_by_bytes:
        return []
    groups, caches = built.memory.table("memcgs"), built.memory.table("slab_caches")
    _, rows, of = _objects(built)
    found = np.bincount(rows["memcg"], weights=caches["bytes"][of], minlength=len(groups)).astype(np.int64)
    found[0] = 0
    spare = groups["slab_pages"] * PAGE - groups["slab_bytes"]
    if not (found == groups["slab_bytes"]).all() or (spare < 0).any() or (spare > 2 * PAGE).any():
        return ["a group is charged for other slab objects than it has"]
    return []
