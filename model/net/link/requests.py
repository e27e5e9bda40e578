"""Cables that a workload cuts and heals: requests in a task's stream of events."""

from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.net.link.events import OWN
from mmrun.model.net.link.state import cables, wires
from mmrun.model.net.link.wire import cut_link, heal_link


@kernel
def _link(m, t, argument):
    """The link that a request of task `t` is about; NONE: there is no such link, which is a fault."""
    link = NONE
    if argument == OWN and len(cables(m)):
        link = cables(m)[t]
    elif argument != OWN and argument <= len(wires(m)):
        link = argument - 1
    if link == NONE:
        panic(m, BAD_EVENT, argument)
    return link


@hook
def cut_cable(m, t, argument):
    """Cut a link; one that is cut stays so."""
    link = _link(m, t, argument)
    if link != NONE:
        cut_link(m, link)
    return OK


@hook
def heal_cable(m, t, argument):
    """Heal a link."""
    link = _link(m, t, argument)
    if link != NONE:
        heal_link(m, link)
    return OK
