"""Frames are read one after the other, from the node's first to its last, over and over; or every so many of them."""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.state import zones

SOURCE = "an example"
PARAMS = {"stride": (1, "pages", "distance of a page from the one read before", "an example", (1, 4096, "an example"))}
params = parameters("scrub", PARAMS, 473)


@hook
def next_frame(m, node, at):
    home = nodes(m)[node]
    first, last = zones(m)[home.first_zone], zones(m)[home.first_zone + home.nr_zones - 1]
    at += params(m).stride
    return at if at < last.start + last.span else first.start
