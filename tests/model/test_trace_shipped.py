"""The shipped traces: whole, described truthfully in their README, small enough to ship."""

import hashlib
import re
import runpy
from pathlib import Path

import pytest

from mmrun.model.trace import open_trace

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "traces"
TRACES = sorted(FOLDER.glob("*.mmt"))


def table() -> dict[str, list[str]]:
    """The rows of the README's table by trace."""
    rows = re.findall(r"^\| `(\w+\.mmt)` \|(.*)\|$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def test_there_are_enough_and_they_are_small():
    assert len(TRACES) >= 4
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6_000_000
    assert set(table()) == {path.name for path in TRACES}


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_each_is_whole_and_as_the_readme_says(path):
    trace = open_trace(path)
    assert trace.page.max() == trace.npages - 1
    assert trace.write.sum() == trace.header.writes
    _, accesses, writes, pages, fold, digest = table()[path.name]
    assert int(accesses.replace(",", "")) == trace.accesses
    assert writes == f"{trace.header.writes / trace.accesses:.1%}"
    assert int(pages.replace(",", "")) == trace.npages
    assert int(fold) == trace.meta["fold"]
    assert trace.digest.startswith(digest.strip("`"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_each_names_the_command_of_the_script(path):
    made = open_trace(path).meta
    script = (FOLDER / "record.sh").read_text(encoding="utf-8")
    line = re.search(rf'^record {path.stem} "(.*?)" (.*)$', script, re.MULTILINE)
    options = f"--fold {made['fold']}" + (f" --limit {made['limit']}" if "limit" in made else "")
    assert line and line[1] == options and made["instructions"] is False
    assert line[2].split()[-1] == made["command"][-1].split()[-1] or made["command"][-1] in line[2]


def test_the_inputs_are_the_same_every_time(tmp_path):
    script = runpy.run_path(str(FOLDER / "inputs.py"))
    script["main"](tmp_path)
    noted = dict(re.findall(r"^(\w{16})  (\S+)$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert len(noted) == 5
    for digest, name in ((digest, name) for digest, name in noted.items()):
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest().startswith(digest)
