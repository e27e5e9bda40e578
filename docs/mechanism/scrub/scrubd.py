"""The daemon of a node: reads some pages, sleeps for the rest of the millisecond, for ever."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import caller
from mmrun.model.core.sleep import sleep_until
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.scrub.state import scrub_count, scrub_settings, scrubbed
from mmrun.model.units import MS

next_frame = caller("next_frame")


@actor(per="scrubber")
def scrubd(m, nid):
    at = zones(m)[nodes(m)[nid].first_zone].start - 1
    while True:
        began = m.now
        for _ in range(scrub_settings(m).scrub_pages_per_ms):
            at = next_frame(m, nid, at)
            if at < 0:
                break
            scrubbed(m)[at] += 1
            scrub_count(m).pages_scrubbed += 1
            m.now += scrub_settings(m).scrub_page
        sleep_until(m, began + MS)
    return 0
