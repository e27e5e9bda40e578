"""What sockets are charged for is on the counters, page by page."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.report import with_descendants
from mmrun.model.net.tcp.state import MEMALLOC
from mmrun.model.net.tcp_mem.state import tcp_mem, tcp_mem_settings


def verify(built: Built, seen: np.ndarray) -> None:
    """A socket's pages are what it uses and has ahead; the shared counter and groups hold the sum of them."""
    m, state = built.memory.m, tcp_mem(built.memory.m)
    if not state.enabled:
        return
    here = built.memory.table("socks")
    here = here[here["here"] > 0]
    ahead = here["forward_alloc"] + here["mem_used"]
    wrong = (ahead != here["mem_pages"] << 12) | ((here["forward_alloc"] < 0) & (here["sk_flags"] & MEMALLOC == 0))
    require(not wrong.any(), lambda: f"a socket is charged {here['mem_pages'][wrong][0]} pages for {ahead[wrong][0]} B")
    total = int(state.allocated) + int(built.memory.table("tcp_reserves").sum())
    pages = int(here["mem_pages"].sum())
    require(total == pages, lambda: f"{total} pages of socket memory are counted, sockets have {pages}")
    groups = built.memory.table("sock_groups")
    own = np.bincount(here["memcg"], weights=here["mem_pages"], minlength=len(groups)).astype(np.int64)
    own[groups["accounted"] == 0] = 0
    require((groups["sock"] == own).all(), lambda: f"groups are charged {groups['sock']} pages of sockets, have {own}")
    if not tcp_mem_settings(m).beyond_root or not tcp_mem_settings(m).reclaim_tells:
        below = with_descendants(built, own)
        if not tcp_mem_settings(m).beyond_root:
            below[0] = 0
        used = groups["usage"]
        require((used == below).all(), lambda: f"groups use {used} pages of socket memory, have {below}")
