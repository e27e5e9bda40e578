"""Reports of the out-of-memory killer: printed by `run`, kept in records, read back by `status --kills`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mmrun.runner.cli import main
from mmrun.runner.store.records import DamagedRecord, Record, decode, encode

CONFIG = """
experiment: k
machine: {nodes: [{cpus: 2, memory: 64MiB}]}
cgroups: {g: {max: 8MiB}}
tasks:
  app: {cgroup: g, stream: {kind: loop, size: SIZE, accesses: 3000, write_fraction: 1.0}}
kernel: "6.18"
"""
FIRST = "app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
RECORD = Record(key="k", axes={}, replicate=0, status="ok", fingerprint="f", model="m", cell={}, kills=[["a", "b"]])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "k.yaml"
    path.write_text(CONFIG.replace("SIZE", "12MiB"))
    return path


def test_run_prints_the_report_and_why(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(config)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert any(line.strip() == FIRST for line in printed)
    assert any(line.strip().endswith("anonymous pages stay: there is no swap") for line in printed)
    assert main(["run", "--json", str(config)]) == 0
    (lines,) = json.loads(capsys.readouterr().out)["kills"]
    assert lines[0] == FIRST


def test_status_reads_it_back(config: Path, capsys: pytest.CaptureFixture[str]):
    out = config.parent / "out"
    assert main(["sweep", str(config), "--executor", "local", "--out", str(out)]) == 0
    assert f"in 1 cell somebody was killed for want of memory: mmrun status {out} --kills" in capsys.readouterr().err
    assert main(["status", str(out), "--kills"]) == 0
    name, first, *_ = capsys.readouterr().out.splitlines()
    assert name.endswith(" replicate=0") and first == f"  {FIRST}"
    assert main(["status", str(out), "--kills", "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert cell["kills"][0][0] == FIRST and cell["replicate"] == 0


def test_status_of_a_sweep_without_kills(config: Path, capsys: pytest.CaptureFixture[str]):
    config.write_text(CONFIG.replace("SIZE", "4MiB"))
    out = config.parent / "out"
    assert main(["sweep", str(config), "--executor", "local", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["status", str(out), "--kills"]) == 0
    assert capsys.readouterr().out == "nobody was killed for want of memory in any cell that has a result\n"


def test_records_keep_them():
    assert decode(encode(RECORD)).kills == [["a", "b"]]


@pytest.mark.parametrize("kills", ["text", [["a"], 7], [["a", 7]], {"a": "b"}])
def test_records_with_others_are_damaged(kills):
    with pytest.raises(DamagedRecord, match="kills"):
        decode(encode(replace(RECORD, kills=kills)))
