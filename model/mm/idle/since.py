"""Idle page tracking and proactive reclaim: nothing of either is on by default in any version."""

from mmrun.model.core.timeline import Dated, always, axis

DATED: Dated = (
    axis("idle", always("none", "every kernel, by default")),
    axis("proactive", always("none", "every kernel, by default")),
)
