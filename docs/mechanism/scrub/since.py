"""Patrol scrubbing: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, sysctl

DATED: Dated = (
    axis("scrub", always("none", "an example")),
    sysctl("scrub_pages_per_ms", always(16, "an example")),
)
