"""Cables that a workload cuts and heals: requests in a task's stream of events."""

from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import hook
from mmrun.model.core.panic import panic
from mmrun.model.net.link.state import wires
from mmrun.model.net.link.wire import cut_link, heal_link


@hook
def cut_cable(m, t, argument):
    """Cut link number `argument`; a link that is cut stays so."""
    if argument >= len(wires(m)):
        panic(m, BAD_EVENT, argument)
    else:
        cut_link(m, argument)
    return OK


@hook
def heal_cable(m, t, argument):
    """Heal link number `argument`."""
    if argument >= len(wires(m)):
        panic(m, BAD_EVENT, argument)
    else:
        heal_link(m, argument)
    return OK
