"""How many CPUs this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """CPUs that the process may run on, or as many as a container's quota of CPU time keeps busy, if that is less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *map(math.ceil, quotas())]))


def quotas(groups: Path = Path("/proc/self/cgroup"), mounted: Path = CGROUPS) -> Iterator[float]:
    """Limits in CPUs of the process's control groups and those above them: `cpu.max`, or `cpu.cfs_quota_us` of old."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = mounted / controllers if controllers else mounted
        folder = root / path.strip("/")
        for group in (folder, *folder.parents):
            limit = _limit(group) if group.is_relative_to(root) else None
            if limit is not None:
                yield limit


def _limit(group: Path) -> float | None:
    """The CPUs' worth of time that the group may use, None for all."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # not there, or "max"
        return None
