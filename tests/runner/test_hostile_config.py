"""Configurations that a stranger or a fuzzer wrote: a sentence with file, line and column, and nothing else read."""

import os
from pathlib import Path

import pytest

from mmrun.runner.cli import main

CONFIG = """experiment: c
kernel: "6.18"
machine: {nodes: [{cpus: 1, memory: 16MiB}]}
tasks: {t: {stream: {kind: zipf, size: 20MiB, accesses: 9}, memory: [{kind: file, access: read}]}}
"""


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `mmrun check` says of a file that it refuses; one line an error, none of them long."""
    assert main(["check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and all(len(line) < 1_500 for line in err.splitlines())
    return err


LINES = {
    "hex": ("seed: 0x" + "F" * 4_000, "`0xFFFFFFFFFFFFFFFFFFFFFF...` is too long a number (the limit is 18 digits)"),
    "binary": ("seed: 0b" + "1" * 20_000, "too long a number"),
    "octal": ("seed: 0o" + "7" * 9_000, "too long a number"),
    "underscores": ("seed: 1" + "_0" * 3_000, "too long a number"),
    "zeros": ("seed: " + "0" * 5_000 + "1", "too long a number"),
    "decimal": ("seed: " + "7" * 5_000 + ".5", "too long a number"),
    "digits": ("seed: " + "9" * 5_000, "too large a number"),
    "exponent": ("seed: " + "9" * 5_000 + "e5", "too long a number"),
    "sexagesimal": ("seed: " + "9" * 5_000 + ":30", "too long a number"),
    "version": (f'policy: {{lru: "{"9" * 5_000}.1"}}', "has no variant"),
    "escape": ('description: "x\\e[31m\\e]0;title\\a"', "control character U+001B in a text"),
    "escape in a key": ('"a\\e[31m": 3', "control character U+001B in a key"),
    "zero in an include": ('include: ["a\\0b"]', "control character U+0000 in a text"),
}


@pytest.mark.parametrize("name", LINES)
def test_one_line_is_refused_at_its_place(name, tmp_path, capsys):
    line, says = LINES[name]
    (tmp_path / "c.yaml").write_text(CONFIG + line + "\n", encoding="utf-8")
    said = check(tmp_path / "c.yaml", capsys)
    assert says in said and said.startswith(f"{tmp_path}/c.yaml:5:")


@pytest.mark.parametrize("number", ["9" * 5_000 + ".1", "6." + "9" * 5_000])
def test_versions_of_many_digits(number, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(CONFIG.replace("6.18", number), encoding="utf-8")
    assert "unknown kernel" in check(tmp_path / "c.yaml", capsys)


@pytest.mark.parametrize("index", ["²", "٣", "9" * 5_000, "9" * 9, "-1", "1"])
def test_what_is_no_index_of_a_list(index, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    assert main(["run", str(tmp_path / "c.yaml"), "--set", f"machine.nodes.{index}.memory=32MiB"]) == 2
    assert "machine.nodes" in capsys.readouterr().err


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of experiments with something of every kind in and around it."""
    (tmp_path / "secret").write_text("password: hunter2\n")
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    home = tmp_path / "project" / "experiments"
    (home / "below").mkdir(parents=True)
    for folder in (home.parent, home, home / "below"):
        (folder / "part.yaml").write_text("seed: 7\n")
    (home / "below" / "up.yaml").write_text("include: [../part.yaml]\n")
    os.mkfifo(home / "pipe.yaml")
    (home / "folder.yaml").mkdir()
    (home / "loop.yaml").symlink_to("loop.yaml")
    (home / "link.yaml").symlink_to(tmp_path / "secret")
    (home / "far.yaml").symlink_to(tmp_path / "secret.yaml")
    (home / "machines").mkdir()
    (home / "machines" / "mine.yaml").symlink_to(tmp_path / "secret.yaml")
    return home


@pytest.mark.parametrize("name", ["part.yaml", "below/part.yaml", "../part.yaml", "below/up.yaml", "{home}/part.yaml"])
def test_what_may_be_included(name, tree, capsys):
    (tree / "c.yaml").write_text(CONFIG + f"include: [{name.format(home=tree)}]\n")
    assert main(["check", str(tree / "c.yaml")]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("/etc/shadow", "is not named .yaml"),
        ("../../secret", "is not named .yaml"),
        ("../../secret.yaml", "lies outside"),
        ("link.yaml", "leads to what is not named .yaml"),
        ("far.yaml", "lies outside"),
        ("loop.yaml", "Too many levels of symbolic links"),
        ("pipe.yaml", "it is a pipe, not a regular file"),
        ("folder.yaml", "it is a directory, not a regular file"),
        ("/dev/zero", "is not named .yaml"),
        ("x" * 5_000 + ".yaml", "File name too long"),
        ("a/" * 2_500 + "x.yaml", "File name too long"),
        ("c.yaml", "files include each other"),
    ],
)
def test_what_may_not_be_included_is_not_quoted(name, says, tree, capsys):
    (tree / "c.yaml").write_text(CONFIG + f"include: [{name}]\n")
    said = check(tree / "c.yaml", capsys)
    assert says in said and "c.yaml:5:11:" in said and "hunter2" not in said and "password" not in said


def test_a_machine_is_read_from_where_machines_are(tree, capsys):
    (tree / "c.yaml").write_text(CONFIG.replace("machine: {nodes: [{cpus: 1, memory: 16MiB}]}", "machine: mine"))
    said = check(tree / "c.yaml", capsys)
    assert "the machine `" in said and "lies outside" in said and "hunter2" not in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pipe.yaml", "it is a pipe"), ("folder.yaml", "it is a directory"), ("loop.yaml", "Too many levels"),
        ("link.yaml", "not named .yaml"), ("absent.yaml", "No such file"), ("a\0b.yaml", "no file can have this name"),
    ],
)  # fmt: skip
def test_only_a_regular_file_is_an_experiment(name, says, tree, capsys):
    said = check(tree / name, capsys)
    assert says in said and "hunter2" not in said


def test_a_device_is_no_experiment(capsys):
    assert "it is a device, not a regular file" in check(Path("/dev/zero"), capsys)


def test_what_a_shell_makes_of_a_substitution_is_a_pipe(capsys):
    """`mmrun check <(generate)`: the command is given `/dev/fd/63`."""
    reading, writing = os.pipe()
    try:
        said = check(Path(f"/dev/fd/{reading}"), capsys)
    finally:
        os.close(reading)
        os.close(writing)
    assert "it is a pipe, not a regular file (write it into a file" in said
