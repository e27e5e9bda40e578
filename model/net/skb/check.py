"""Every frame of the network is a slab with as many objects as lie in it, or a block with its users' references."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import NET_PAGE
from mmrun.model.net.skb.state import COMPANION, FAR, FCLONE, FCLONE_CACHE, HEAD_CACHE, MAX_FRAGS, PP_RING, skb_state


def verify(built: Built, seen: np.ndarray) -> None:
    """Slabs and blocks of the network against buffers, pieces and whoever holds blocks."""
    caches = built.memory.table("skb_caches")
    frames, state = built.memory.table("frames"), skb_state(built.memory.m)
    first = np.flatnonzero(frames["kind"] == NET_PAGE)
    if not len(caches):
        require(len(first) == 0, lambda: "a machine without sockets has frames of the network's")
        return
    skbs = built.memory.table("skbs")[: int(state.skb_rows)]
    free = _chain(skbs["next"], int(state.free_skb))
    live = np.setdiff1d(np.arange(len(skbs)), free)
    rows = skbs[live]
    require((rows["users"] > 0).sum() == state.nr_skbs, lambda: "socket buffers are miscounted")
    _slabs(built, first, rows)
    _blocks(built, first, rows)
    far = rows[(rows["marks"] & FAR) != 0]
    require((far["object"] == NONE).all() and (far["nr_frags"] == 0).all(), lambda: "a far buffer has memory here")
    clones = rows[rows["origin"] != live]
    require((clones["frags"] == NONE).all(), lambda: "a clone has pieces of its own")
    sharing = np.bincount(rows["origin"], minlength=len(skbs))[live]
    own = (rows["origin"] == live) & (rows["users"] == 0)  # a row that stays for its clones
    require((sharing - own == rows["dataref"]).all(), lambda: "clones are miscounted")
    require((rows["nr_frags"] <= MAX_FRAGS).all(), lambda: "a buffer has too many pieces")


def _chain(nexts: np.ndarray, head: int) -> np.ndarray:
    """The free rows, from head - 1 on; `next` is the following row + 1."""
    found = []
    while head:
        found.append(head - 1)
        head = int(nexts[head - 1])
    require(len(set(found)) == len(found), lambda: "a row is free twice")
    return np.array(found, dtype=np.int64)


def _is_slab(frames: np.ndarray, pfns: np.ndarray) -> np.ndarray:
    """Which of the network's frames are slabs: other blocks belong to nobody or to a pool."""
    return (frames["owner"][pfns] >= 0) & (frames["owner"][pfns] != NONE)


def _slabs(built: Built, first: np.ndarray, rows: np.ndarray) -> None:
    """Objects of every slab: sk_buffs and heads that lie there."""
    frames, caches = built.memory.table("frames"), built.memory.table("skb_caches")
    slabs = first[_is_slab(frames, first)]
    heads, objects = rows[rows["cache"] != NONE], rows[rows["object"] != NONE]
    require(((objects["marks"] & COMPANION) == 0).all(), lambda: "half an object has another object")
    expected = np.bincount(np.concatenate([heads["head"], objects["object"]]), minlength=len(frames))
    wrong = np.flatnonzero(expected[slabs] != frames["slot"][slabs])
    require(len(wrong) == 0, lambda: f"slab {slabs[wrong[0]]} of the network has miscounted its objects")
    require(expected.sum() == expected[slabs].sum(), lambda: "an object lies in no slab")
    of = np.where((objects["marks"] & FCLONE) != 0, FCLONE_CACHE, HEAD_CACHE)
    used = np.bincount(np.concatenate([heads["cache"], of]), minlength=len(caches))
    require((used == caches["nr_objects"]).all(), lambda: "a cache of the network has miscounted its objects")
    require((frames["owner"][objects["object"]] == of).all(), lambda: "an sk_buff lies in another cache's slab")
    pages = np.bincount(frames["owner"][slabs], 1 << frames["order"][slabs].astype(np.int64), minlength=len(caches))
    require((pages == caches["nr_pages"]).all(), lambda: "a cache of the network has miscounted its pages")


def _of_rings(built: Built) -> np.ndarray:
    """Blocks that receive rings hold, and pages in their pools."""
    posted = built.memory.table("nic_rx")["frame"]
    pools = built.memory.table("page_pools")
    cached = [pool["cache"][: int(pool["nr_cache"])] for pool in pools]
    places = [(int(pool["ring_tail"]) + np.arange(int(pool["nr_ring"]))) % PP_RING for pool in pools]
    given = [pool["ring"][place] for pool, place in zip(pools, places, strict=True)]
    return np.concatenate([posted[posted != NONE], *cached, *given])


def _blocks(built: Built, first: np.ndarray, rows: np.ndarray) -> None:
    """References of every block: pieces, whoever cuts it up, rings of network cards."""
    m = built.memory.m
    frames, state = built.memory.table("frames"), skb_state(m)
    blocks = first[~_is_slab(frames, first)]
    pieces = built.memory.table("skb_frags")
    held = built.memory.table("page_frags")
    holders = [held["frame"][held["bias"] > 0], _of_rings(built)]
    count = 0
    for row in rows[(rows["frags"] != NONE) | ((rows["cache"] == NONE) & (rows["head"] != NONE))]:
        chain = [int(row["head"])] if row["cache"] == NONE and row["head"] != NONE else []
        at, own = int(row["frags"]), []
        while at != NONE:
            own.append(at)
            at = int(pieces["next"][at])
        require(len(own) == row["nr_frags"], lambda: "a buffer has miscounted its pieces")
        sole = row["dataref"] == 1 and row["users"] > 0 and row["list"] == NONE
        require(
            not sole or pieces["bytes"][own].sum() + row["linear"] == row["bytes"],
            lambda: "a buffer's bytes are not those of its pieces",
        )
        holders.append(pieces["frame"][chain + own])
        count += len(chain) + len(own)
    require(count == state.nr_frags, lambda: "pieces of payload are miscounted")
    everyone = np.concatenate(holders)
    ours = everyone[frames["kind"][everyone] == NET_PAGE]
    expected = np.bincount(ours, minlength=len(frames))
    wrong = np.flatnonzero(expected[blocks] != frames["slot"][blocks])
    require(len(wrong) == 0, lambda: f"block {blocks[wrong[0]]} of the network has miscounted its references")
    require(expected.sum() == expected[blocks].sum(), lambda: "a piece lies in no block")
    total = (1 << frames["order"][blocks].astype(np.int64)).sum()
    require(total == state.frag_pages, lambda: "pages of the network's blocks are miscounted")
