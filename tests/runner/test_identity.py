"""Edit and sweep again, through the command line: what changed is computed anew, and no old number is shown as new."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from mmrun.model.sources import outside

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "import sys; from mmrun.runner.cli import main; sys.exit(main())"]
CONFIG = """\
experiment: mine
kernel: "6.18"
machine:
  nodes: [{cpus: 1, memory: 64MiB}]
  swap: {z: {kind: zram, size: 64MiB}}
cgroups: {g: {max: 2MiB}}
tasks:
  t: {cgroup: g, stream: {kind: zipf, size: 6MiB, accesses: 10000, exponent: 0.8, write_fraction: 1.0}}
sweep:
  product:
    lru:
      built-in: {policy.lru: cost-balanced}
      mine: {policy.lru: {variant: mine, file: ./mine.py}}
report:
  tables:
    - {name: main, rows: [lru], metrics: [misses], show: [value, ratio], baseline: {lru: built-in}}
"""
POLICY = '''"""First in, first out, or the same as the built-in one."""

from mmrun.policy import RECLAIM_PAGE, hook, KEEP
from limits import TURNS

SOURCE = "textbooks"
BASE = "cost-balanced"


@hook
def check_references(m, frame, young, executable):
    return KEEP if young > TURNS else RECLAIM_PAGE
'''


def mmrun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, capture_output=True, text=True, env=environment, timeout=300, check=False
    )


def sweep(folder: Path, *words: str, exits: int = 0) -> str:
    """What a sweep with the local executor says."""
    done = mmrun(folder, "sweep", "mine.yaml", "--executor", "local", "--out", "out", *words)
    assert done.returncode == exits, done.stderr
    return done.stderr


def misses(folder: Path) -> dict[str, Any]:
    return {row["lru"]: row["misses"] for row in parquet.read_table(folder / "out" / "runs.parquet").to_pylist()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(CONFIG)
    (tmp_path / "mine.py").write_text(POLICY)
    (tmp_path / "limits.py").write_text("TURNS = 9\n")
    return tmp_path


def test_an_edited_helper_of_a_policy_is_run_at_once(folder: Path):
    """It is found beside the policy; its old machine code is not used again; the old text stays in the results."""
    sweep(folder)
    first = misses(folder)
    kept = json.loads((folder / "out" / "manifest.json").read_text())["policies"]
    (folder / "limits.py").write_text("TURNS = 0\n")
    assert "1 cells run now" in sweep(folder, "--rerun", "stale")
    second = misses(folder)
    assert second["built-in"] == first["built-in"] and second["mine"] != first["mine"]
    now = json.loads((folder / "out" / "manifest.json").read_text())["policies"]
    for found, text in ((kept, "TURNS = 9\n"), (now, "TURNS = 0\n")):
        (digest,) = found.values()
        copy = folder / "out" / "policies" / digest
        assert (copy / "limits.py").read_text() == text and outside.read(copy / "mine.py").digest == digest
    assert kept.keys() == now.keys() == {str(folder / "mine.py")}
    (folder / "limits.py").write_text("TURNS = 9\n")
    sweep(folder, "--rerun", "stale")
    assert misses(folder) == first
