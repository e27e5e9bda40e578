"""A server's cache is no larger than it may be, and counts its dirty pages rightly."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.net.server.state import ABSENT, DIRTY
from mmrun.model.net.session.state import sessions


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every server."""
    rows = built.memory.table("server_pages")
    for s, session in enumerate(sessions(built.memory.m)):
        if not session.cache_pages:
            continue
        own = rows["session"] == s
        listed = chain(rows, int(session.lru.head), int(session.lru.n))
        held, dirty = int((own & (rows["state"] != ABSENT)).sum()), int((own & (rows["state"] == DIRTY)).sum())
        require(
            len(listed) == held <= session.cache_pages and dirty == session.nr_dirty,
            lambda s=s, h=held, d=dirty: f"server {s} has {h} pages, {d} dirty ones, and counts otherwise",
        )
