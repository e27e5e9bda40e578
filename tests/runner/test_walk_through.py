"""docs/walk-through.md: every command in it runs, and prints every line that the page shows, in that order."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from mmrun.model import api
from mmrun.runner.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "walk-through.md"
KEY = re.compile(r"\b[0-9a-f]{8,20}(?= \w+=)")  # of a cell: every new setting changes it


def shown() -> list[tuple[list[str], list[str]]]:
    """The page's commands, each with the lines of output that stand below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    $ "):
            found.append((shlex.split(line[6:]), []))
        elif line.startswith("    ") and line.strip() != "...":
            found[-1][1].append(KEY.sub("KEY", line.strip()))
    return found


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell runs once, however many commands ask for it: a run is a function of the cell and what is asked."""
    simulate, known = api.simulate, {}

    def remembered(cell, **options):
        key = repr((cell, {name: value for name, value in options.items() if value}))
        if key not in known:
            known[key] = simulate(cell, **options)
        return known[key]

    monkeypatch.setattr(api, "simulate", remembered)


def test_the_page_holds_what_its_commands_print(once, tmp_path, monkeypatch, capsys):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    commands = shown()
    assert {words[1] for words, _ in commands if words[0] == "mmrun"} == {"run", "diff", "why"}
    for words, lines in commands:
        if words[0] == "cat":
            text = Path(words[1]).read_text()
        else:
            assert words[0] == "mmrun" and main(words[1:]) == 0, words
            text = capsys.readouterr().out
        printed = iter(KEY.sub("KEY", line.strip()) for line in text.splitlines())
        for line in lines:
            assert line in printed, (words, line)  # looks on from the line found before


@cache
def numbers() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_page_says_of_each_step_what_its_run_printed():
    steps = [line.split("|")[2].strip() for line in numbers().splitlines() if line.startswith("| ")][2:]
    times = {f"{float(line.split()[1].replace(',', '')):,.0f}" for _, lines in shown() for line in lines
             if line.startswith("task.app: ")}  # fmt: skip
    assert len(steps) == 4 and set(steps[1:]) <= times
