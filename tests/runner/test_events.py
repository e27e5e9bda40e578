"""`mmrun run --events` and `mmrun trace events` at the command line."""

import pytest
from typer.testing import CliRunner

from mmrun.runner.cli import app

CONFIG = """
experiment: seen
kernel: "6.18"
machine: {nodes: [{cpus: 2, memory: 16MiB}], swap: {z: {kind: zram, size: 16MiB}}}
tasks:
  heap: {stream: {kind: uniform, size: 24MiB, accesses: 9000, write_fraction: 1}, memory: [{size: 24MiB}]}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "seen.yaml"
    path.write_text(CONFIG)
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_events_of_a_cell_go_to_a_file_that_scripts_read(config, tmp_path):
    out = tmp_path / "trace.txt"
    done = run("run", config, "--events", "vmscan:*", "--trace-out", out, "--trace-format", "compat")
    assert done.exit_code == 0
    text = out.read_text().splitlines()
    assert text[0] == "# tracer: nop"
    assert len(text) > 50
    assert all(line.split()[3].startswith(("mm_vmscan_",)) for line in text[2:])
    assert all(line.split()[0].rpartition("-")[0] in ("heap", "kswapd0") for line in text[2:])
    times = [float(line.split()[2].rstrip(":")) for line in text[2:]]
    assert times == sorted(times)


def test_what_found_no_room_is_told(config, tmp_path):
    done = run("run", config, "--events", "*", "--trace-out", tmp_path / "t", "--trace-buffer", "4KiB")
    assert done.exit_code == 0
    assert "found no room" in done.output


@pytest.mark.parametrize(
    "words, told",
    [
        (["--events", "vmscan:nothing"], "did you mean"),
        (["--events", "vmscan:*", "--trace-task", "hep"], "no task `hep`"),
        (["--events", "vmscan:*", "--trace-format", "json"], "choose ftrace or compat"),
        (["--events", "vmscan:*", "--trace-from", "2s", "--trace-to", "1s"], "is not after"),
        (["--events", "vmscan:*", "--trace-buffer", "5"], "--trace-buffer"),
        ([], "without --events"),
    ],
)
def test_options_that_make_no_sense_are_refused(config, tmp_path, words, told):
    done = run("run", config, *words, "--trace-out", tmp_path / "t")
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not (tmp_path / "t").exists()


def test_events_are_listed_as_a_version_prints_them():
    new, old = run("trace", "events"), run("trace", "events", "--kernel", "3.1")
    assert "vmscan:mm_vmscan_write_folio  page={page} pfn=0x{pfn:x} flags={file}" in new.output
    assert "vmscan:mm_vmscan_writepage  page={page} pfn={pfn} flags={file}" in old.output
    assert run("trace", "events", "--kernel", "9").exit_code == 2
