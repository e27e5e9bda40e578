"""What is told of tiers: where tasks' pages are, where their touches went."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import USER
from mmrun.model.mm.tiering.state import tiers


def _tiered(built: Built) -> bool:
    return len(set(tiers(built.memory.m)["tier"].tolist())) > 1


def sampled(built: Built) -> dict[str, int]:
    """Pages of tasks and files on fast and on slow nodes."""
    if not _tiered(built):
        return {}
    frames, top = built.memory.table("frames"), tiers(built.memory.m)["top"] != 0
    used = (frames["state"] & USER) != 0
    pages = np.bincount(frames["node"][used], weights=1 << frames["order"][used].astype(np.int64), minlength=len(top))
    return {"top_tier_pages": int(pages[top].sum()), "lower_tier_pages": int(pages[~top].sum())}


def metrics(built: Built) -> dict[str, float]:
    """Share of touches that went to fast nodes."""
    if not _tiered(built):
        return {}
    top = tiers(built.memory.m)["top"] != 0
    touched = built.memory.table("tasks")["touched"].sum(axis=0)[: len(top)]
    return {"top_tier_ratio": float(touched[top].sum() / max(1, touched.sum()))}
