"""`mmrun run --series`: gauges as they stand, counters as rates, of any cell."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from mmrun.model import api, catalogue
from mmrun.model.counters import NODE_COUNTERS, TASK_COUNTERS, VM_COUNTERS
from mmrun.runner.cli import main
from mmrun.runner.plan.plan import make_plan
from mmrun.runner.report.run_series import rates

CONFIG = """
experiment: along
kernel: "6.18"
machine:
  nodes: [{cpus: 2, memory: 16MiB}]
  disks: {d: {kind: sata-ssd}}
  swap: {s: {kind: partition, disk: d, size: 32MiB}}
tasks:
  heap: {stream: {kind: uniform, size: 24MiB, accesses: 6000, write_fraction: 0.5}}
  log: {stream: {kind: writer, size: 8MiB, accesses: 2048}, memory: [{kind: file, access: read, disk: d}]}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("along") / "along.yaml"
    path.write_text(CONFIG)
    return path


def test_rates_add_up_to_what_was_counted_by_the_last_sample(config, tmp_path, capsys):
    out = tmp_path / "s.csv"
    assert main(["run", str(config), "--series", "5", "--series-out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["metrics"]
    with open(out, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = [int(row["time_ns"]) for row in rows]
    assert times == [5_000_000 * (place + 1) for place in range(len(rows))] and times[-1] > told["elapsed_ns"] - 5e6
    read = sum(float(row["pswpin_per_s"]) * 0.005 for row in rows)
    assert 0 < read <= told["pswpin"] and read == pytest.approx(round(read), abs=1e-6)
    assert int(rows[-1]["access"]) <= told["accesses"] and any(int(row["nr_dirty"]) for row in rows)
    assert told == _metrics(config)


def _metrics(config):
    return json.loads(json.dumps(dict(api.simulate(make_plan(config).cells[0].cell).metrics), default=float))


def test_a_table_on_the_terminal(config, capsys):
    assert main(["run", str(config), "--series", "50ms", "--column", "nr_free_pages", "--column", "pswp*"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["ms", "access", "nr_free_pages", "pswpin/s", "pswpout/s"]
    assert lines[0].split()[0] == "50.000" and all(len(line.split()) == 5 for line in lines)


def test_parquet_has_the_same(config, tmp_path, capsys):
    import pyarrow.parquet as parquet

    out = tmp_path / "s.parquet"
    words = ["run", str(config), "--series", "50ms", "--column", "pswpin"]
    assert main([*words, "--series-out", str(out)]) == 0 and main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert parquet.read_table(out).to_pydict() == printed["series"]


@pytest.mark.parametrize(
    "words, said",
    [
        (["--series", "s.csv"], "a file goes to --series-out"),
        (["--series", "0"], "at least 1ns"),
        (["--series-out", "s.csv"], "say how often with --series"),
        (["--series", "1ms", "--series-out", "s.txt"], ".csv or .parquet"),
        (["--series", "1ms", "--column", "nothing"], "no column of the series is `nothing`"),
        (["--column", "pswpin"], "add --series"),
        (["--series", "1h"], "before the first sample"),
    ],
)
def test_what_is_wrong_is_told(config, capsys, words, said):
    assert main(["run", str(config), *words]) == 2
    assert said in capsys.readouterr().err


def test_what_becomes_a_rate_never_falls(config):
    cell = make_plan(config).cells[0].cell
    found = api.simulate(replace(cell, sampling=replace(cell.sampling, every=5_000_000))).series
    risen = {name.removesuffix("_per_s") for name in rates(found) if name.endswith("_per_s")}
    assert len(risen) > 300 and "nr_dirty" not in risen and "memory_pressure_some_ns" in risen
    assert all((np.diff(found[name], prepend=0) >= 0).all() for name in risen)
    assert {"nr_dirty", "nr_free_pages"} <= catalogue.gauges() and "pswpin" not in catalogue.gauges()
    assert risen >= {*VM_COUNTERS, *TASK_COUNTERS, *NODE_COUNTERS} - catalogue.gauges()
