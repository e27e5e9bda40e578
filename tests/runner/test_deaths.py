"""A machine that dies is a result: `run` prints of what, records keep it, `status --deaths` reads it back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import mmrun
from mmrun.runner import metrics
from mmrun.runner.cli import main
from mmrun.runner.report.observations import fate
from mmrun.runner.store.records import DamagedRecord, Record, decode, encode

CONFIG = """
experiment: d
machine: {nodes: [{cpus: 2, memory: 64MiB}]}
tasks:
  app: {count: 2, stream: {kind: loop, size: SIZE, accesses: 20000, write_fraction: 1.0}}
kernel: "6.18"
policy: {direct_reclaim: {variant: waits, file: ./waits.py}}
"""
POLICY = '''"""A reclaimer leaves it to the daemon, and waits for ever."""

from mmrun.policy import hook, nodes, wait

SOURCE = "a test"
BASE = "per-node"


@hook
def direct_reclaim(m, nid, gfp, nodemask):
    wait(m, nodes(m)[nid].reclaim_wait[0], 1 << 62)
    return 0
'''
RECORD = Record(key="k", axes={}, replicate=0, status="ok", fingerprint="f", model="m", cell={}, death=["a", "b"])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "d.yaml"
    path.write_text(CONFIG.replace("SIZE", "40MiB"))
    (tmp_path / "waits.py").write_text(POLICY)
    return path


def test_run_says_who_waited_for_whom(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(config)]) == 0
    printed = capsys.readouterr().out
    assert "outcome: died" in printed and "\nDeath\n" in printed
    assert "app.0-1 are in direct reclaim, waiting for pages to be written since" in " ".join(printed.split())
    assert main(["run", "--json", str(config), "--check"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["death"][0].endswith("everybody waits for what nobody is left to do.")
    assert found["metrics"]["died"] == 1 and found["metrics"]["died_ns"] == found["metrics"]["elapsed_ns"]


def test_a_sweep_is_done_with_it(config: Path, capsys: pytest.CaptureFixture[str]):
    out = config.parent / "out"
    assert main(["sweep", str(config), "--executor", "local", "--out", str(out)]) == 0
    assert f"in 1 cell the machine died: mmrun status {out} --deaths says of what" in capsys.readouterr().err
    assert main(["status", str(out)]) == 0
    assert "1 of 1 cells done, 0 failed" in capsys.readouterr().out
    assert main(["status", str(out), "--deaths"]) == 0
    name, paragraph = capsys.readouterr().out.splitlines()
    assert name.endswith(" replicate=0") and paragraph.startswith("  The machine died at ")
    assert main(["status", str(out), "--deaths", "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert len(cell["death"]) >= 3


def test_status_of_a_sweep_in_which_nobody_died(config: Path, capsys: pytest.CaptureFixture[str]):
    config.write_text(CONFIG.replace("SIZE", "4MiB"))
    out = config.parent / "out"
    assert main(["sweep", str(config), "--executor", "local", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["status", str(out), "--deaths"]) == 0
    assert capsys.readouterr().out == "no machine died in any cell that has a result\n"


def test_python_is_told(config: Path):
    found = mmrun.run(config)
    assert found["outcome"] == "died" and found.death and "died_ns" in found


def test_who_died_counts_in_the_share_and_not_in_speeds():
    row = {"status": "ok", "outcome": "died", "died": 1, "elapsed_ns": 5}
    assert fate(row) == ("died", None) and fate(row, "elapsed_s") == ("died", None)
    assert fate(row, "died") == ("ok", 1.0) and fate(row, "elapsed_ns", count_oom=True) == ("died", 5.0)
    assert metrics.metric("died").unit == "1"


def test_records_keep_it():
    assert decode(encode(RECORD)).death == ["a", "b"]


@pytest.mark.parametrize("death", ["text", [7], [["a"]], {"a": "b"}])
def test_records_with_others_are_damaged(death):
    with pytest.raises(DamagedRecord, match="death"):
        decode(encode(replace(RECORD, death=death)))
