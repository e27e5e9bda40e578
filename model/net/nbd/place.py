"""Threads of network block devices."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.nbd.nbd import nbd_do_it, nbd_thread, nbd_timer
from mmrun.model.net.session.place import for_each

THREADS = (
    nbd_thread,
    nbd_do_it,
    nbd_timer,
)


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return for_each(plan, "nbd", THREADS)


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return THREADS if actors(plan) else ()
