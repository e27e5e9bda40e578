"""The counters of the model, under the kernel's names, put together from what the mechanisms declare in settings.py."""

from mmrun.model.core.mechanism import Counter
from mmrun.model.mechanisms import parts


def _all(name: str) -> dict[str, Counter]:
    """The counters of this kind of all mechanisms, in their order."""
    return {key: found for part in parts("settings") for key, found in getattr(part, name, {}).items()}


VM_COUNTERS = _all("COUNTERS")
"""Of the machine, in the order of reports."""
NODE_COUNTERS = _all("NODE_COUNTERS")
TASK_COUNTERS = _all("TASK_COUNTERS")
CGROUP_COUNTERS = _all("CGROUP_COUNTERS")
DISK_COUNTERS = _all("DISK_COUNTERS")
WB_COUNTERS = _all("WB_COUNTERS")
SLAB_COUNTERS = _all("SLAB_COUNTERS")
GAUGES = _all("GAUGES")
LATENCIES = _all("LATENCIES")
COUNTERS = {**CGROUP_COUNTERS, **VM_COUNTERS, **NODE_COUNTERS, **TASK_COUNTERS}
