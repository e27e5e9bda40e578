"""Policy files that a stranger or a fuzzer wrote: each is refused in a sentence with a place, none runs, none stops."""

from pathlib import Path

import pytest

from mmrun.runner.cli import main

CONFIG = """experiment: v
kernel: "6.18"
machine: {nodes: [{cpus: 1, memory: 16MiB}]}
tasks: {t: {stream: {kind: zipf, size: 20MiB, accesses: 9}, memory: [{kind: file, access: read}]}}
policy: {lru: {variant: mine, file: %s}}
"""
HEAD = '"""A policy."""\nfrom mmrun.policy import RECLAIM_PAGE, hook\nSOURCE = "x"\nBASE = "cost-balanced"\n'
HOOK = HEAD + "@hook\ndef check_references(m, frame, young, executable):\n"
TWO = HEAD + 'PARAMS = {"a": (1, "u", "d", "s"), "b": (2, "u", "d", "s")}\n'
FILES = {
    "list": (HEAD + "PARAMS = [1]", "py:5:10: PARAMS is a dictionary"),
    "text": (HEAD + 'PARAMS = "abc"', "py:5:10: PARAMS is a dictionary"),
    "scope": (HEAD + "SCOPE = {}", "SCOPE is text"),
    "needs": (HEAD + "NEEDS = [1]", "NEEDS is text"),
    "signs": (HEAD + "X = " + "-" * 100_000 + "1", "nested too deeply"),
    "signs in a parameter": (HEAD + 'PARAMS = {"a": (' + "-" * 100_000 + '1, "", "d", "s")}', "nested too deeply"),
    "sum": (HOOK + "    return 1" + "+1" * 600 + "\n", "nested deeper than 200 levels"),
    "dots": (HOOK + "    x = m" + ".b" * 600 + "\n    return 1\n", "nested deeper than 200 levels"),
    "elifs": (HOOK + "    if m: return 1\n" + "    elif m: return 2\n" * 300 + "    return 1\n", "nested deeper than"),
    "digits": (HEAD + "X = " + "9" * 5_000, "not a Python file"),
    "zero byte": (HEAD + "\0", "not a Python file"),
    "relation": (TWO + f'RELATIONS = [("{"-" * 50_000}a <= b", "w")]', "longer than 400 characters"),
    "signs in a relation": (TWO + f'RELATIONS = [("{"-" * 300}a <= b", "w")]', "compares what is neither"),
}


def check(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> str:
    (folder / "c.yaml").write_text(CONFIG % name, encoding="utf-8")
    assert main(["check", str(folder / "c.yaml")]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_no_file_stops_check(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text, says = FILES[name]
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    said = check(tmp_path, capsys, "mine.py")
    assert says in said and f"{tmp_path}/mine.py:" in said


@pytest.mark.parametrize("name", ["x" * 5_000, "a/" * 2_500 + "x.py", "/dev/zero", ".", "loop.py", "absent.py"])
def test_no_name_of_a_file_stops_check(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    assert "c.yaml:5:37: no file `" in check(tmp_path, capsys, name)
