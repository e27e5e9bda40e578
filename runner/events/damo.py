"""What DAMON saw, as a record that `damo report` reads: zlib over JSON, its `json_compressed` (damo 3.4.3 was tried).

A snapshot is what one aggregation of a target ended with, told by the tracepoint `damon_aggregated`. Addresses are
bytes of memory, or of a task's own address space, whose mappings lie end to end from 0.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrun.model import registry
from mmrun.model.description import Cell
from mmrun.model.mm.damon.tracepoints import damon_aggregated, damon_monitor_intervals_tune
from mmrun.model.tracepoints import Event, decode
from mmrun.model.tracing.watch import Seen

POINTS = frozenset({damon_aggregated.number, damon_monitor_intervals_tune.number})
Plain = dict[str, Any]


def watched(cell: Cell) -> bool:
    """Whether DAMON runs in the cell."""
    return "aggr_us" in registry.resolve(cell).policy["idle"].params


def write(seen: Seen, cell: Cell, path: Path) -> str:
    """Write the record; what was written, in a sentence. ValueError where no aggregation ended."""
    params = registry.resolve(cell).policy["idle"].params
    sample, aggregation = int(params["sample_us"]), int(params["aggr_us"])
    records = of_targets(seen, sample, max(1, aggregation // sample))
    if not records:
        raise ValueError(f"no aggregation of {aggregation} us ended in the run, so DAMON saw nothing")
    packer = zlib.compressobj()
    with open(path, "wb") as file:
        for text in _json(records, sample, aggregation):
            file.write(packer.compress(text.encode()))
        file.write(packer.flush())
    snapshots = sum(map(len, records.values()))
    regions = sum(len(snapshot["regions"]) for found in records.values() for snapshot in found)
    return f"{snapshots:,} snapshots of {len(records)} targets, {regions:,} regions, in {path}"


def of_targets(seen: Seen, sample_us: int, samples: int) -> dict[int, list[Plain]]:
    """Whole snapshots by target, oldest first; one that did not fit into the ring is left out.

    `sample_us`: the sampling interval to begin with; `samples`: how many make an aggregation.
    """
    found: dict[int, list[Plain]] = {}
    open_snapshot: list[Plain] = []
    interval, following = sample_us, sample_us  # what is tuned holds from the next aggregation on
    for event in decode(seen.words):
        if event.point is damon_monitor_intervals_tune:
            (following,) = event.fields
        elif event.point is damon_aggregated:
            open_snapshot.append(_region(event))
            target, nr = event.fields[:2]
            if len(open_snapshot) == nr:
                earlier = found.setdefault(target, [])
                began = earlier[-1]["end_time"] if earlier else event.time - samples * interval * 1_000
                earlier.append(_snapshot(began, event.time, open_snapshot, interval))
                open_snapshot, interval = [], following
    return found


def _region(event: Event) -> Plain:
    _, _, start, end, accesses, age = event.fields
    return {
        "start": start, "end": end,
        "nr_accesses": {"samples": accesses, "percent": None},
        "age": {"usec": None, "aggr_intervals": age},
    }  # fmt: skip


def _snapshot(began: int, ended: int, regions: list[Plain], interval: int) -> Plain:
    total = sum(region["end"] - region["start"] for region in regions)
    return {"start_time": max(0, began), "end_time": ended, "regions": regions, "total_bytes": total,
            "damos_stats": None, "sample_interval_us": interval}  # fmt: skip


def _json(records: dict[int, list[Plain]], sample_us: int, aggr_us: int) -> Iterator[str]:
    """The text, a snapshot at a time."""
    intervals = {"sample_us": sample_us, "aggr_us": aggr_us, "ops_update_us": 0}
    before = "["
    for target, snapshots in records.items():
        head = {"kdamond_idx": 0, "context_idx": 0, "intervals": intervals, "scheme_idx": None, "target_id": target,
                "scheme_filters": [], "data_source": "unknown"}  # fmt: skip
        yield f'{before}{json.dumps(head)[:-1]}, "snapshots": ['
        for at, snapshot in enumerate(snapshots):
            yield f"{',' if at else ''}\n{json.dumps(snapshot)}"
        yield "]}"
        before = ",\n"
    yield "]\n"
