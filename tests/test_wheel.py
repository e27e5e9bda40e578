"""A wheel in a new environment, used from a folder whose own files have the names of our folders; no network."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MINE = """
experiment: mine
kernel: "6.18"
machine: {nodes: [{memory: 16MiB, cpus: 1}], swap: {zram: {kind: zram, size: 32MiB}}}
tasks: {app: {stream: {kind: zipf, size: 24MiB, accesses: 20000, write_fraction: 0.5}}}
replicates: 2
sweep: {product: {vm.swappiness: [0, 60]}}
report: {tables: [{name: faults, rows: [vm.swappiness], metrics: [pgmajfault]}]}
"""
NOTEBOOK = """
import mmrun
assert mmrun.check("configs/mine.yaml") == []
metrics = mmrun.run("configs/mine.yaml", where={"vm.swappiness": 60, "replicate": 0}).metrics
assert metrics["pgfault"] > 0, metrics
runs = mmrun.load("results/mine")
assert len(runs) == 4 and (runs.column("pgfault") > 0).all()
print(mmrun.__file__)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel; what the wheel needs is this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "model", "runner", "mmrun", "configs", "*.toml", "setup.py", "README.md",
         "LICENSE"], capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("needs a checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    sh([*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder / "out", folder / "source"])
    sh([sys.executable, "-m", "venv", "--without-pip", folder / "env"])
    (wheel,) = (folder / "out").glob("mmrun-*.whl")
    sh([*pip, "--python", folder / "env/bin/python", "install", "--no-index", "--no-deps", wheel])
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "env/bin"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, where all our names are taken."""
    for name in ("model", "runner", "tests", "configs"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the user')\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/mine.yaml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def sh(arguments: list[str | Path]) -> str:
    """What a program prints; it has to end well."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def test_everything_works_from_a_wheel_beside_files_of_the_same_names(installed: Path, folder: Path):
    assert "4 cells with replicates" in sh([installed / "mmrun", "check", "configs/mine.yaml"])
    assert "pgfault" in sh([installed / "mmrun", "run", "configs/mine.yaml"])
    sh([installed / "mmrun", "sweep", "configs/mine.yaml", "--executor", "ray"])
    assert "4 of 4 cells done" in sh([installed / "mmrun", "status", "results/mine"])
    where = Path(sh([installed / "python", "-c", NOTEBOOK]).strip())
    assert installed.parent in where.parents


def test_all_shipped_experiments_are_in_the_wheel_and_pass(installed: Path, folder: Path):
    (shipped,) = installed.parent.glob("lib/python*/site-packages/mmrun/configs")
    files = sorted(shipped.glob("*.yaml"))
    assert [file.name for file in files] == [file.name for file in sorted((ROOT / "configs").glob("*.yaml"))]
    for file in files:
        assert "cells with replicates" in sh([installed / "mmrun", "check", file]), file
    assert "cells with replicates" in sh([installed / "mmrun", "check", os.path.relpath(files[0])])
