"""`mmrun run --events` and `mmrun trace events` at the command line."""

import json

import pytest
from typer.testing import CliRunner

from mmrun.runner.cli import app
from mmrun.runner.events.chrome import Slice, nested

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
        (["--events", "vmscan:*", "--trace-format", "json"], "choose ftrace, compat, chrome"),
        (["--events", "vmscan:*", "--trace-from", "2s", "--trace-to", "1s"], "is not after"),
        (["--events", "vmscan:*", "--trace-node", "1"], "nodes 0 to 0"),
        (["--events", "vmscan:*", "--trace-cgroup", "g"], "no group `g`"),
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


NUMBER = (int, float)
PHASES = {  # trace event format: what an event of each phase has beside `ph`, `pid`, `tid`, `name`
    "M": {"args": dict},
    "X": {"ts": NUMBER, "dur": NUMBER, "cat": str, "args": dict},
    "i": {"ts": NUMBER, "s": str, "cat": str, "args": dict},
    "C": {"ts": NUMBER, "args": dict},
}


def faults(rows):
    """What of these rows the trace event format does not allow."""
    for row in rows:
        fields = {"ph": str, "pid": int, "tid": int, "name": str} | PHASES.get(row["ph"], {})
        if (
            set(row) != set(fields)
            or not all(isinstance(row[name], kind) for name, kind in fields.items())
            or (row["ph"] == "C" and not all(isinstance(value, NUMBER) for value in row["args"].values()))
            or row.get("ts", 0) < 0
            or row.get("dur", 0) < 0
            or row.get("s", "t") != "t"
        ):
            yield row


def apart_or_within(slices):
    """Whether of a track's slices each lies beside or within every other."""
    ends = []
    for row in sorted(slices, key=lambda row: (row["ts"], -row["dur"])):
        while ends and ends[-1] <= row["ts"]:
            ends.pop()
        if ends and row["ts"] + row["dur"] > ends[-1] + 1e-6:
            return False
        ends.append(row["ts"] + row["dur"])
    return True


def test_perfettos_json_has_a_track_an_actor_slices_that_nest_and_counters(config, tmp_path):
    config.write_text(CONFIG + "sampling: {every: 100us}\n")
    out = tmp_path / "trace.json"
    done = run("run", config, "--events", "*", "--trace-out", out, "--trace-format", "chrome")
    assert done.exit_code == 0, done.output
    whole = json.loads(out.read_text())
    assert set(whole) == {"displayTimeUnit", "traceEvents"} and whole["displayTimeUnit"] == "ns"
    rows = whole["traceEvents"]
    assert list(faults(rows)) == []
    names = {row["tid"]: row["args"]["name"] for row in rows if row["name"] == "thread_name"}
    order = {row["tid"]: row["args"]["sort_index"] for row in rows if row["name"] == "thread_sort_index"}
    assert {"heap", "kswapd0"} <= set(names.values()) and order.keys() == names.keys()
    assert {row["tid"] for row in rows if row["ph"] in "Xi"} <= names.keys()
    times = [row["ts"] for row in rows if row["ph"] in "Xi"]
    assert times == sorted(times)
    for tid in names:
        assert apart_or_within([row for row in rows if row["ph"] == "X" and row["tid"] == tid])
    slices = {(names[row["tid"]], row["name"]) for row in rows if row["ph"] == "X"}
    assert {("heap", "mm_vmscan_direct_reclaim"), ("kswapd0", "mm_vmscan_kswapd")} & slices
    assert ("kswapd0", "off CPU (S)") in slices
    free = [row["args"]["value"] for row in rows if row["ph"] == "C" and row["name"] == "nr_free_pages"]
    assert len(free) > 5 and free[0] > free[-1]


def test_a_slice_is_cut_where_the_one_around_it_ends():
    one = Slice(0, 10, 50, "outer", "c", {})
    whole = [one, one._replace(begin=20, end=60, name="late"), one._replace(begin=20, end=30, name="inner")]
    assert [(each.name, each.begin, each.end) for each in nested([*whole, one._replace(actor=1, end=99)])] == [
        ("outer", 10, 99), ("outer", 10, 50), ("late", 20, 50), ("inner", 20, 30),
    ]  # fmt: skip


def test_a_yardstick_has_no_events_and_no_machine(config, tmp_path):
    config.write_text(CONFIG + "policy: {lru: clock}\n")
    for words in (["--events", "*", "--trace-out", tmp_path / "t"], ["--dump", tmp_path / "d"]):
        done = run("run", config, *words)
        assert done.exit_code == 2
        assert "yardstick" in done.output
