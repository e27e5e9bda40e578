"""`python -m benchmarks [--quick] [--only GROUP] [--json FILE] [--write]`: measure, print a table, keep the numbers."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import (
    contiguous,
    groups,
    machine,
    network,
    recompile,
    records,
    sleep,
    startup,
    sweep,
    writeback,
    yardsticks,
)
from benchmarks.measure import ROOT, Row, say
from benchmarks.table import as_markdown, as_text

GROUPS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "yardsticks": yardsticks.rows,
    "machine": machine.rows,
    "groups": groups.rows,
    "contiguous": contiguous.rows,
    "network": network.rows,
    "sleep": sleep.rows,
    "writeback": writeback.rows,
    "start": startup.rows,
    "recompile": recompile.rows,
    "sweep": sweep.rows,
    "records": records.rows,
}


def environment() -> dict[str, str]:
    """What the numbers were measured on."""
    found = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version(), "system": platform.system()}
    found |= {"processor": processor(), "cores": str(len(os.sched_getaffinity(0)))}
    for package in ("numba", "numpy", "ray", "libcachesim"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Run the groups asked for, one after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and size, as ratios in one run.")
    parser.add_argument("--quick", action="store_true", help="short streams, no compile from nothing")
    parser.add_argument("--only", choices=GROUPS, action="append", help="measure only this group (may be repeated)")
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks.json"), help="where the numbers go")
    parser.add_argument("--write", action="store_true", help="also rewrite docs/benchmarks.md")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.only or GROUPS:
        for row in GROUPS[name](options.quick):
            rows.append(row)
            say(f"{row.what}: {row.value:.3g} {row.unit}  {row.verdict}")
    about = environment()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    measured = [{**asdict(row), "verdict": row.verdict} for row in rows]
    options.json.write_text(json.dumps({"environment": about, "rows": measured}, indent=2) + "\n", encoding="utf-8")
    if options.write:
        (ROOT / "docs" / "benchmarks.md").write_text(as_markdown(rows, about), encoding="utf-8")
    print(as_text(rows))


if __name__ == "__main__":
    main()
