"""Synthetic results of a sweep, for the tests of the report: a stored runs.parquet whose every number is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np

AXES = {
    "machine": ["two-node", "four-node", "cxl"],
    "tasks.db.mempolicy.mode": ["local", "interleave", "bind"],
    "vm.zone_reclaim_mode": [0, 1],
}
FACTOR = {"local": 1.0, "interleave": 1.25, "bind": 0.9}
REPLICATES = 6


def run(machine: str, mode: str, reclaim: int, replicate: int) -> dict[str, Any]:
    """One row. Paired by construction: variants see the same noise, and differ by FACTOR and a little of their own."""
    noise = np.random.default_rng([AXES["machine"].index(machine), replicate]).normal(1.0, 0.05)
    own = np.random.default_rng([AXES["tasks.db.mempolicy.mode"].index(mode), reclaim, replicate, 7]).normal(1.0, 0.004)
    elapsed = 2.5e9 * (1 + AXES["machine"].index(machine)) * FACTOR[mode] * (1 + 0.1 * reclaim) * noise * own
    accesses = 4_000_000
    row: dict[str, Any] = {
        "machine": machine, "tasks.db.mempolicy.mode": mode, "vm.zone_reclaim_mode": reclaim, "replicate": replicate,
        "status": "ok", "error": "", "outcome": "ok", "elapsed_ns": int(elapsed), "accesses": accesses,
        "misses": int(elapsed / 1e4), "pgscan_kswapd": 120_000, "pgscan_direct": 1_000 * reclaim,
        "pgsteal_kswapd": 90_000, "pgsteal_direct": 0, "pgscan_proactive": 0, "pgsteal_proactive": 0, "oom_kill": 0,
    }  # fmt: skip
    for node in range(4 if machine == "four-node" else 2):
        row |= {f"node{node}.numa_hit": 1000, f"node{node}.numa_miss": 10 * node}
    return row


def rows() -> list[dict[str, Any]]:
    """The whole sweep: `bind` does not exist on `cxl`; one run failed, one cell always runs out of memory, one once."""
    found = []
    for machine in AXES["machine"]:
        for mode in AXES["tasks.db.mempolicy.mode"]:
            for reclaim in AXES["vm.zone_reclaim_mode"]:
                for replicate in range(REPLICATES):
                    if (machine, mode) != ("cxl", "bind"):
                        found.append(spoil(run(str(machine), str(mode), int(reclaim), replicate)))
    return found


def spoil(row: dict[str, Any]) -> dict[str, Any]:
    """Failures and OOM kills, in known places."""
    place = row["machine"], row["tasks.db.mempolicy.mode"], row["vm.zone_reclaim_mode"]
    if place == ("four-node", "bind", 1) or (place == ("two-node", "bind", 1) and row["replicate"] == 2):
        return {**row, "outcome": "oom", "oom_kill": 1}
    if place == ("two-node", "interleave", 0) and row["replicate"] == 4:
        labels = {key: row[key] for key in (*AXES, "replicate")}
        return {**labels, "status": "failed", "error": "ModelError: frame 12 is on two lists"}
    return row


def write_runs(path: Path, data: list[dict[str, Any]]) -> Path:
    """Store rows as runs.parquet; columns a row lacks become null."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    columns = list(dict.fromkeys(column for row in data for column in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({column: [row.get(column) for row in data] for column in columns})
    parquet.write_table(table.replace_schema_metadata({"mmrun": json.dumps({"axes": list(AXES)})}), path)
    return path


def write_series(path: Path) -> Path:
    """Store a series.parquet: two replicates of each machine and mode, counters rising at known rates."""
    data = []
    for machine in AXES["machine"]:
        for mode in AXES["tasks.db.mempolicy.mode"]:
            for replicate in range(2):
                for step in range(40):
                    time_ns = step * 50_000_000 + replicate * 1_000_000
                    scanned = int(FACTOR[str(mode)] * max(0, step - 10) ** 1.5 * 400 * (1 + 0.1 * replicate))
                    labels = {"machine": machine, "tasks.db.mempolicy.mode": mode, "vm.zone_reclaim_mode": 0}
                    counters = {"access": step * 1000, "time_ns": time_ns, "pgscan_kswapd": scanned}
                    data.append({**labels, "replicate": replicate, **counters})
    return write_runs(path, data)
