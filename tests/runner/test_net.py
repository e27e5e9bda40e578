"""Whatever stops a command is a sentence and an exit code; whatever is printed holds no control character."""

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmrun.runner import cli, terminal
from mmrun.runner.config.problems import ConfigError, EnvironmentProblem

MMRUN = [sys.executable, "-m", "mmrun.runner.cli"]
CONFIG = """experiment: labels
kernel: "6.18"
machine: {nodes: [{cpus: 1, memory: 16MiB}]}
tasks: {t: {stream: {kind: zipf, size: 20MiB, accesses: 9}, memory: [{kind: file, access: read}]}}
sweep: {product: {size: {"αβγ ☃": {vm.swappiness: 0}, "two\\nlines": {vm.swappiness: 60}}}}
"""


def stop_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `mmrun check x` when reading the experiment raises `error`."""

    def raising(config: Path) -> None:
        raise error

    monkeypatch.setattr("mmrun.runner.plan.plan.check", raising)
    return cli.main(["check", "x.yaml"])


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            TypeError("odd\nthing"),
            70,
            r"internal error in runner/commands/check\.py:\d+ \(TypeError: odd\\nthing\)\n.*Please r",
        ),
        (RecursionError("deep"), 70, "internal error in .* .RecursionError: deep."),
        (MemoryError(), 3, "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), 3, r"a/b: No space left on device \(free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 3, r"a/b: Permission denied \(check its perm"),
        (EnvironmentProblem("no Ray"), 3, "mmrun: no Ray"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_stops_a_command(error, code, says, monkeypatch, capsys):
    assert stop_with(error, monkeypatch) == code
    said = capsys.readouterr().err
    assert re.search(says, said) and "Traceback" not in said


def test_the_place_is_the_last_line_of_ours(monkeypatch, capsys):
    def raising(config: Path) -> None:
        from mmrun.runner.config.units import parse

        parse(object(), "bytes")  # type: ignore[arg-type]

    monkeypatch.setattr("mmrun.runner.plan.plan.check", raising)
    code = cli.main(["check", "x.yaml"])
    assert code == 70 and re.search(r"internal error in runner/config/units\.py:\d+ ", capsys.readouterr().err)


def test_the_traceback_is_there_for_who_asks(monkeypatch, capsys):
    monkeypatch.setenv("MMRUN_DEBUG", "1")
    assert stop_with(TypeError("odd"), monkeypatch) == 70
    said = capsys.readouterr().err
    assert "Traceback" in said and "in raising" in said and "internal error" in said


def test_errors_of_usage_stay_what_they_are(capsys):
    assert cli.main(["nosuch"]) == 2 and "No such command" in capsys.readouterr().err
    assert cli.main(["check"]) == 2 and cli.main(["--version"]) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["schema"], ["explain"], ["--help"], ["explain", "--json"]])
def test_a_full_disk_under_the_output(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*MMRUN, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=100)
    assert done.returncode == 3
    assert done.stderr.startswith("mmrun: standard output: No space left on device") and done.stderr.count("\n") == 1


def test_nobody_reads_the_output():
    child = subprocess.Popen([*MMRUN, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.close()
    assert child.wait(timeout=100) == 141 and child.stderr.read() == ""


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_labels_that_the_terminal_cannot_print(tmp_path, locale):
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    words = ["plan", "c.yaml", "--why"]
    done = subprocess.run([*MMRUN, *words], capture_output=True, env=os.environ | locale, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 6 and ("αβγ ☃" in lines[4] or "\\u03b1" in lines[4]) and "size=two\\nlines" in lines[5]


def test_text_is_escaped():
    assert terminal.escaped("a\x1b[31m\x07\x9b\r\u202e\udcff\n\tö☃") == "a\\x1b[31m\\x07\\x9b\\x0d\\u202e\\udcff\n\tö☃"
    assert terminal.one_line("a\nb\tc") == "a\\nb\\tc"
    assert len(terminal.one_line("x" * 100_000, 300)) < 320
    assert str(ConfigError(Path("a\nb"), 1, 2, "x\x1b\ny", "z\n")) == "a\\nb:1:2: x\\x1b\\ny (z\\n)"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_screen_writes_what_its_stream_can_hold(encoding):
    below = io.BytesIO()
    screen = terminal.Screen(io.TextIOWrapper(below, encoding=encoding), "here")
    print("a\x1b☃", file=screen, flush=True)
    assert below.getvalue() == ("a\\x1b☃\n" if encoding == "utf-8" else "a\\x1b\\u2603\n").encode()
    assert terminal.unescaped(screen) is screen.stream and terminal.unescaped(below) is below


def test_main_gives_the_streams_back(capsys):
    before = sys.stdout, sys.stderr
    cli.main(["explain", "a\x1b[31mb"])
    assert (sys.stdout, sys.stderr) == before and "\x1b" not in "".join(capsys.readouterr())


def test_policies_that_a_command_executes_are_named(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        '"""FIFO."""\nfrom mmrun.policy import RECLAIM_PAGE, hook\nSOURCE = "x"\nBASE = "cost-balanced"\n\n\n'
        "@hook\ndef check_references(m, frame, young, executable):\n    return RECLAIM_PAGE\n"
    )
    (tmp_path / "c.yaml").write_text(
        CONFIG.split("sweep:")[0] + "policy: {lru: {variant: mine, file: mine.py}}\n", encoding="utf-8"
    )
    said = f"executes the policy file {tmp_path}/mine.py"
    assert cli.main(["check", str(tmp_path / "c.yaml")]) == 0 and said not in capsys.readouterr().err
    assert cli.main(["run", str(tmp_path / "c.yaml")]) == 0 and said in capsys.readouterr().err
