"""The commands that run cells, on the real model and a sweep of seconds."""

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from mmrun.runner.cli import main
from mmrun.runner.execute.shipped import localised, replaced
from mmrun.runner.plan.replication import needed
from tests.runner import execute_fake as fake

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
experiment: small
kernel: "6.18"
machine: arm-1g
tasks:
  t: {stream: {kind: zipf, size: 8MiB, accesses: 20000}}
sampling: {accesses: 5000}
replicates: 2
sweep: {product: {vm.swappiness: [10, 60]}}
"""


@pytest.fixture
def config(tmp_path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_sweep_runs_then_resumes_then_reports_its_status(config, tmp_path, capsys):
    command = ["sweep", config, "--out", str(tmp_path / "out"), "--executor", "local", "--json"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["ran"] == 4 and first["cells"] == {"done": 4}
    assert any(path.endswith(".tex") for path in first["files"])
    before = (tmp_path / "out" / "runs.parquet").read_bytes()
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["ran"] == 0
    assert (tmp_path / "out" / "runs.parquet").read_bytes() == before
    rows = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert [row["accesses"] for row in rows] == [20000] * 4 and rows[0]["vm.swappiness"] == 10
    series = pq.read_table(tmp_path / "out" / "series.parquet")
    assert series.num_rows >= 16 and {"access", "time_ns", "pgfault"} <= set(series.column_names)

    assert main(["status", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cells"], found["ok"], found["missing"], found["running"]) == (4, 4, 0, None)
    next((tmp_path / "out" / "cells").glob("*/*.cell")).unlink()
    assert main(["status", str(tmp_path / "out")]) == 0
    assert "3 of 4 cells done, 0 failed, 1 missing" in capsys.readouterr().out
    assert main(["plan", config, "--out", str(tmp_path / "out")]) == 0
    assert "new 1, done 3" in capsys.readouterr().out


def test_replicates_follow_the_interval(config, tmp_path, capsys):
    grown = "{min: 10, max: 12, until: {metric: elapsed_ns, half_width: 0.0001%}}"
    Path(config).write_text(CONFIG.replace("replicates: 2", f"replicates: {grown}"))
    assert main(["sweep", config, "--out", str(tmp_path / "out"), "--executor", "local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"] == {"done": 24}


def test_the_pilot_says_how_many_are_needed_by_hand():
    pilot = dict(enumerate([96.0, 98.0, 100.0, 102.0, 104.0]))  # standard deviation sqrt(10), t 2.776 for 4 degrees
    assert needed(pilot, 5, 0.02) == math.ceil((2.7764451 * math.sqrt(10) / 2) ** 2) == 20
    assert needed(pilot | {5: 1e3, 6: 1e3}, 5, 0.02) == math.inf, "modes are seen wherever they come"
    assert needed(pilot | {5: 90.0, 6: 110.0}, 5, 0.02) == 20, "what comes later does not make it stop or go on"
    assert needed(pilot, 5, 0.5) == 5 and needed(dict(enumerate([3.0] * 5)), 5, 0.01) == 5
    assert needed(dict(enumerate([-1.0, 1, -1, 1, 0])), 5, 0.1) == math.inf, "nothing is 10 % of 0"
    assert needed({}, 5, 0.1) == needed({2: 1.0}, 5, 0.1) == 5, "where runs are lost, more would be lost"


WITHOUT_RAY = """
import sys
from mmrun.runner.cli import main
code = main(sys.argv[1:])
assert not {"ray", "pyarrow", "matplotlib"} & sys.modules.keys(), "heavy imports"
sys.exit(code)
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, "run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_run_needs_no_ray_and_writes_a_series(config, tmp_path):
    table = tmp_path / "series.csv"
    found = run(
        config, "--cell", "vm.swappiness=60", "--cell", "replicate=1", "--series-out", str(table), "--json", "--check"
    )
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert result["axes"] == {"vm.swappiness": 60} and result["replicate"] == 1
    assert result["metrics"]["accesses"] == 20000
    lines = table.read_text().splitlines()
    assert lines[0].startswith("access,time_ns,") and len(lines) >= 5


def test_run_applies_settings(config):
    cold = json.loads(run(config, "--json").stdout)["metrics"]
    found = run(config, "--set", "tasks.t.stream.accesses=1000", "--set", "vm.swappiness=0", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["metrics"]["accesses"] == 1000 and cold["accesses"] == 20000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "vm.swapiness=3"], "swappiness"),
        (["--set", "vm.swappiness"], "path=value"),
        (["--set", "machine.nodes.0.memory=4"], "unit"),
        (["--cell", "vm.swappiness=61"], "60"),
        (["--cell", "vm.swapiness=60"], "vm.swappiness"),
        (["--cell", "zzz"], "no cell"),
    ],
)
def test_run_refuses_what_does_not_fit(config, capsys, arguments, words):
    assert main(["run", config, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_status_of_nothing_is_usage(tmp_path, capsys):
    assert main(["status", str(tmp_path)]) == 2
    assert "no sweep has run here" in capsys.readouterr().err


def test_a_held_directory_and_a_client_address_are_environment(config, tmp_path, capsys):
    from mmrun.runner.store.store import Store

    with Store(tmp_path / "out").locked():
        assert main(["sweep", config, "--out", str(tmp_path / "out"), "--executor", "local"]) == 3
    assert "another sweep writes here" in capsys.readouterr().err
    assert main(["sweep", config, "--out", str(tmp_path / "out"), "--address", "ray://head:10001"]) == 3


def test_doctor_finds_what_is_missing(monkeypatch, capsys):
    from mmrun.runner.commands import doctor

    assert main(["doctor", "--no-ray", "--json", "--compile"]) == 0
    found = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert found["numba"]["ok"] and "free" in found["disk"]["text"] and "MiB" in found["kernel cache"]["text"]
    assert "kernels of this model are compiled" in found["kernel cache"]["text"]
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "no-such-package"))
    assert main(["doctor", "--no-ray"]) == 3
    assert "pip install no-such-package" in capsys.readouterr().out


def test_a_node_without_the_file_gets_its_bytes_once(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda bytes_: fetched.append(1) or bytes_))
    item = fake.planned(1, file=str(tmp_path / "elsewhere"))
    digest = hashlib.sha256(b"pages").hexdigest()
    files = {str(tmp_path / "elsewhere"): (digest, [{"": b"pages"}])}
    for _ in range(2):
        path = localised(item.cell, files).tasks["t"].stream.params["file"]
        assert Path(path).read_bytes() == b"pages" and Path(path).name == digest
    assert len(fetched) == 1
    (tmp_path / "elsewhere").write_bytes(b"pages")
    assert localised(item.cell, files) is item.cell
    (tmp_path / "elsewhere").write_bytes(b"other pages")
    assert localised(item.cell, files) != item.cell


def test_replacing_paths_leaves_the_rest():
    cell = fake.planned(1, file="a", log="b").cell
    params = replaced(cell, {"a": "c"}).tasks["t"].stream.params
    assert params == {"x": 1, "file": "c", "log": "b"}
    assert replaced(cell, {}) == cell
