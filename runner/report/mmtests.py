"""Results of a sweep as a directory that mmtests' compare-mmtests.pl and compare-kernels.sh read.

A cell is what mmtests calls a kernel, a replicate a sample. mmtests knows results by the benchmark that made them and
has none for anybody's own, so metrics are written as the one whose logs are plainest, hackbench's times: a file a
metric, a line a sample. The benchmark is called `hackbench-mmrun`, which mmtests parses as hackbench, and rows read
`time-METRIC` whatever the unit. mmtests takes less for better there.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmrun.runner import metrics
from mmrun.runner.report.observations import Key, Runs

BENCHMARK = "hackbench-mmrun"
ODD = re.compile(r"[^A-Za-z0-9.+=_-]+")  # in names of cells; the scripts split at commas and blanks
MARK = "tests-activity"  # of a run's directory: what was run, which the scripts look for


def names(runs: Runs) -> dict[Key, str]:
    """A directory's name for each cell: its labels, with their axes where labels alone are not enough."""
    axes = list(runs.axes)
    keys = list(runs.by_cell())
    varied = [at for at, axis in enumerate(axes) if len({key[at] for key in keys}) > 1]
    short = {key: _name(key[at] for at in varied if key[at]) or "all" for key in keys}
    if len(set(short.values())) < len(keys):
        short = {key: _name(f"{axes[at]}={key[at]}" for at in varied if key[at]) for key in keys}
    if len(set(short.values())) < len(keys):
        short = {key: f"{name}_{at}" for at, (key, name) in enumerate(short.items())}
    return short


def _name(parts: Iterable[str]) -> str:
    return "_".join(ODD.sub("_", part).strip("_") for part in parts)


def write(runs: Runs, wanted: list[str], directory: Path) -> list[str]:
    """Write the `wanted` metrics of every cell that has any below `directory`; names of the cells written.

    ValueError for a metric that nobody knows, where no run has a value, or where `directory` holds something else.
    """
    for name in wanted:
        if not metrics.is_metric(name) and all(name not in row for row in runs.rows):
            raise ValueError(f"no metric `{name}`{_near(name)}")
    if directory.exists() and any(not (path / "iter-0" / MARK).is_file() for path in directory.iterdir()):
        raise ValueError(f"{directory}: there is something else in it; name a directory of its own")
    samples = {key: _samples(runs, rows, wanted) for key, rows in runs.by_cell().items()}
    written = []
    for at, (key, name) in enumerate(names(runs).items()):
        if samples[key]:
            _cell(directory / name, at, samples[key])
            written.append(name)
    if not written:
        raise ValueError(f"no run has a value of {', '.join(wanted)}")
    return written


def _near(name: str) -> str:
    near = metrics.suggestion(name)
    return f"; did you mean `{near}`?" if near else ""


def _samples(runs: Runs, rows: list[dict[str, Any]], wanted: list[str]) -> dict[str, list[float]]:
    found = {name: list(runs.sample(rows, name).values.values()) for name in wanted}
    return {name: values for name, values in found.items() if values}


def _cell(directory: Path, at: int, samples: dict[str, list[float]]) -> None:
    """One cell's directory, anew; `at`: its place, which the scripts sort by."""
    shutil.rmtree(directory, ignore_errors=True)
    logs = directory / "iter-0" / BENCHMARK / "logs"
    logs.mkdir(parents=True)
    steps = ("Start", f"begin {BENCHMARK}", "Iteration 1 end")
    (directory / "iter-0" / MARK).write_text("".join(f"{at} run-mmtests: {step}\n" for step in steps))
    for name, values in samples.items():
        lines = "".join(f"Total time: {value!r}\n" for value in values)
        (logs / f"hackbench-{ODD.sub('_', name).replace('-', '_')}").write_text(lines)
