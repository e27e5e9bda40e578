"""Edit and sweep again, through the command line: what changed is computed anew, and no old number is shown as new."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from mmrun.model.sources import outside
from mmrun.runner.cli import main

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


def sweep(folder: Path) -> str:
    """What a sweep with the local executor says, as a command of its own."""
    done = subprocess.run(
        [*COMMAND, "sweep", "mine.yaml", "--executor", "local", "--out", "out"], cwd=folder, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def misses(folder: Path) -> dict[str, Any]:
    return {row["lru"]: row.get("misses") for row in parquet.read_table(folder / "out" / "runs.parquet").to_pylist()}


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
    assert "1 cells run now" in sweep(folder)
    second = misses(folder)
    assert second["built-in"] == first["built-in"] and second["mine"] != first["mine"]
    now = json.loads((folder / "out" / "manifest.json").read_text())["policies"]
    for found, text in ((kept, "TURNS = 9\n"), (now, "TURNS = 0\n")):
        (digest,) = found.values()
        copy = folder / "out" / "policies" / digest
        assert (copy / "limits.py").read_text() == text and outside.read(copy / "mine.py").digest == digest
    assert kept.keys() == now.keys() == {str(folder / "mine.py")}
    (folder / "limits.py").write_text("TURNS = 9\n")
    sweep(folder)
    assert misses(folder) == first


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mine.py", "young > TURNS", "young > 0"),
        ("limits.py", "TURNS = 9", "TURNS = 0"),
        ("mine.yaml", "accesses: 10000", "accesses: 9000"),
    ],
)
def test_what_was_edited_runs_again_or_stands_as_stale_and_never_as_a_number(
    folder: Path, monkeypatch, capsys, file: str, old: str, new: str
):
    monkeypatch.chdir(folder)
    command = ["sweep", "mine.yaml", "--executor", "local", "--out", "out"]
    assert main(command) == 0
    first = misses(folder)
    path = folder / file
    path.write_text(path.read_text().replace(old, new))
    lost = dict.fromkeys(["mine", "built-in"] if file == "mine.yaml" else ["mine"])
    for again in ([*command, "--keep-stale"], ["report", "out"], ["report", "out", "--config", "mine.yaml"]):
        capsys.readouterr()
        assert main(again) == 1
        assert f"{len(lost)} {'stale and kept' if again[0] == 'sweep' else 'runs are stale'}" in capsys.readouterr().err
        table = (folder / "out" / "tables" / "main.md").read_text()
        rows = [line for line in table.splitlines() if line.startswith(tuple(f"| {name} |" for name in lost))]
        assert len(rows) == len(lost) and all("stale" in row and not re.search(r"\d", row) for row in rows)
    assert misses(folder) == first | lost
    assert main(["plan", "mine.yaml", "--out", "out"]) == 0 and f"stale {len(lost)}," in capsys.readouterr().out
    assert main(command) == 0 and f"{len(lost)} cells run now" in capsys.readouterr().err
    second = misses(folder)
    assert None not in second.values() and second["mine"] != first["mine"]
    assert "stale" not in (folder / "out" / "tables" / "main.md").read_text()


def test_what_has_not_changed_is_not_written_again(folder: Path, monkeypatch):
    monkeypatch.chdir(folder)
    command, out = ["sweep", "mine.yaml", "--executor", "local", "--out", "out"], folder / "out"

    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "lock"}

    assert main(command) == 0
    before = written()
    assert main(command) == 0 and written() == before
    table, runs = out / "tables" / "main.md", out / "runs.parquet"
    kept = runs.read_bytes(), table.read_text()
    table.write_text("torn")
    runs.write_bytes(kept[0][:-9])
    assert main(command) == 0 and (runs.read_bytes(), table.read_text()) == kept
