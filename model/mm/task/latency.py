"""Latency distributions of a finished run: percentiles from the histograms that the engine keeps for every task."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.task.place import task_rows
from mmrun.model.mm.task.state import LATENCY_BUCKETS

CALLS = ("read", "write", "fault", "fsync")  # in the order of model/mm/task/calls.py
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def bounds() -> np.ndarray:
    """Lower bound in ns of every bucket, four to an octave, and the last one's upper bound (int64)."""
    at = np.arange(LATENCY_BUCKETS + 1, dtype=np.int64)
    return np.where(at < 4, at, (4 + at % 4) << np.maximum(at // 4 - 1, 0))


def percentile(counts: np.ndarray, share: float) -> int:
    """The latency in ns below which `share` of the counted calls are, by rank within the bucket; 0 when none were."""
    total = int(counts.sum())
    if total == 0:
        return 0
    reached = np.cumsum(counts)
    bucket = int(np.searchsorted(reached, share * total))
    low, high = (int(edge) for edge in bounds()[bucket : bucket + 2])
    inside = share * total - (int(reached[bucket]) - int(counts[bucket]))
    return int(low + (high - low) * inside / int(counts[bucket]))


def call_latencies(built: Built) -> dict[str, int]:
    """`<call>_calls` and percentiles of the calls that tasks made: of all, and of each (copies of one together)."""
    counts = built.memory.table("latencies")["calls"].astype(np.int64)
    found = _of("", counts.sum(axis=0))
    for name, rows in task_rows(built.cell).items():
        found |= _of(f"task.{name}.", counts[rows].sum(axis=0))
    return found


def _of(prefix: str, counts: np.ndarray) -> dict[str, int]:
    found = {}
    for call, own in zip(CALLS, counts, strict=True):
        if own.any():
            found[f"{prefix}{call}_calls"] = int(own.sum())
            found |= {f"{prefix}{call}_{name}_ns": percentile(own, share) for name, share in PERCENTILES.items()}
    return found
