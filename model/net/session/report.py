"""How long requests over a link took."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.task.latency import percentile
from mmrun.model.net.session.state import request_times, sessions

_TOLD = ((0, "read", (50, 99, 999)), (1, "write", (50, 99)))


def metrics(built: Built) -> dict[str, int]:
    """Quantiles of reads and writes."""
    if not len(sessions(built.memory.m)):
        return {}
    found = {}
    for write, name, parts in _TOLD:
        counts = np.asarray(request_times(built.memory.m).calls[write])
        for part in parts:
            share = part / (100 if part < 100 else 1000)
            found[f"netswap_{name}_p{part}_ns"] = percentile(counts, share)
    return found
