"""No request is lost: each of a session's is free or in one of its lists, no more of them than its disk handed on."""

import numpy as np

from mmrun.model.block.state import disks
from mmrun.model.core.law import chain, require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.net.session.state import LISTS, sessions


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every session."""
    m, rows, first = built.memory.m, built.memory.table("rqs_of_sessions"), 0
    for s, session in enumerate(sessions(m)):
        own = range(first, first + int(session.nr_rqs))
        first += int(session.nr_rqs)
        listed = [chain(rows, int(session.lists[i].head), int(session.lists[i].n)) for i in range(LISTS)]
        require(
            all(len(found) == session.lists[i].n for i, found in enumerate(listed)),
            lambda s=s: f"a list of session {s} is shorter than it says",
        )
        require(
            all((rows["list"][found] == i).all() for i, found in enumerate(listed) if found),
            lambda s=s: f"a request of session {s} does not say which list it is in",
        )
        free, at = list[int](), int(session.free_rq)
        while at in own and len(free) <= len(own):
            free.append(at)
            at = int(rows["next"][at])
        every = sorted([*free, *(rq for found in listed for rq in found)])
        require(every == list(own), lambda s=s, e=every, o=own: f"session {s} has {len(e)} of {len(o)} requests")
        busy = [rq for found in listed for rq in found if rows["number"][rq] != NONE]
        numbers = rows["number"][busy]
        require(len(set(numbers.tolist())) == len(busy), lambda s=s: f"session {s} has a request of the disk twice")
        ending = int(disks(m)[int(session.disk)].announced) - len(busy)
        require(ending >= 0, lambda s=s, e=ending: f"session {s} has {-e} requests that its disk has not handed on")
