"""Many small results: what commands cost beside reading all records and decoding their JSON once."""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, cpu_seconds, run_child, say

CONFIG = """\
experiment: many
kernel: "6.18"
machine: {{nodes: [{{cpus: 1, memory: 64MiB}}], swap: {{z: {{kind: zram, size: 64MiB}}}}}}
tasks: {{t: {{stream: {{kind: uniform, size: 1MiB, accesses: 256}}}}}}
replicates: 20
sweep: {{product: {{vm.swappiness: {swappiness}, tasks.t.stream.accesses: {accesses}}}}}
report: {{tables: [{{name: one, rows: vm.swappiness, metrics: misses, where: {{tasks.t.stream.accesses: 201}}}}]}}
"""
MMRUN = [sys.executable, "-m", "mmrun.runner.cli"]


def written(config: Path, out: Path) -> None:
    """Records of a whole sweep as a sweep leaves them, with made-up times and one cell's metrics."""
    from mmrun.model import api
    from mmrun.runner.execute.execute import fingerprints
    from mmrun.runner.plan.plan import make_plan
    from mmrun.runner.store.records import Record, cell_dict, encode
    from mmrun.runner.store.store import Store

    plan, fingerprint = make_plan(config, out), fingerprints()
    first, store = plan.cells[0], Store(out)
    metrics, cell = api.simulate(first.cell).metrics, cell_dict(first.cell)
    for number, item in enumerate(plan.cells):
        record = Record(
            key=item.key, axes=item.axes, replicate=item.replicate, status="ok",
            metrics={**metrics, "elapsed_ns": number, "misses": number % 997}, fingerprint=fingerprint(item.cell),
            model=fingerprint(None), cell=cell, provenance={"finished": float(number), "cpu_seconds": 0.01},
        )  # fmt: skip
        path = store.path(item.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(record))


def read_once(out: Path) -> None:
    """The least that a command without an index has to do."""
    import zstandard

    for path in (out / "cells").rglob("*.cell"):
        body = zstandard.ZstdDecompressor().decompress(path.read_bytes().partition(b"\n")[2])
        json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])


def rows(quick: bool) -> Iterator[Row]:
    """Plan, resume, status; 100,000 records, or a tenth of that."""
    levels = {"swappiness": list(range(10 if quick else 100)), "accesses": list(range(201, 251))}
    count = 20 * len(levels["swappiness"]) * len(levels["accesses"])
    with tempfile.TemporaryDirectory() as scratch:
        config, out = Path(scratch) / "many.yaml", Path(scratch) / "out"
        config.write_text(CONFIG.format(**levels), encoding="utf-8")
        say(f"writing {count:,} records")
        written(config, out)
        least = cpu_seconds(lambda: read_once(out), 1)
        sweep = ["sweep", str(config), "--out", str(out), "--executor", "local"]
        commands = {
            "plan, nothing there": (["plan", str(config), "--out", str(Path(scratch) / "none")], 0.5, 0.25),
            "sweep of finished cells, first time: tables and index": (sweep, 6, 3),
            "the same again: nothing to do": (sweep, 1, 0.5),
            "plan of finished cells": (["plan", str(config), "--out", str(out)], 1, 0.5),
            "status": (["status", str(out)], 0.5, 0.25),
        }
        for what, (arguments, floor, aim) in commands.items():
            child = run_child([*MMRUN, *arguments])
            yield Row(
                "records", f"{what}, {count:,} cells", child.cpu_s, "CPU s", child.cpu_s / least, "times reading",
                least, "reading and decoding all once", floor, aim, higher=False,
                note=f"at most {child.max_rss_bytes >> 20} MiB up to here",
            )  # fmt: skip
