"""DAMON's regions of a run as damo's record, and back again as a workload."""

import itertools
import json
import zlib

import pytest
from typer.testing import CliRunner

from mmrun.model.trace.damon import recording
from mmrun.runner.cli import app

CONFIG = """
experiment: watched
kernel: "6.18"
machine: {nodes: [{cpus: 2, memory: 64MiB}]}
policy: {idle: {variant: damon, by_task: true, sample_us: 50, aggr_us: 1000, max_regions: 20}}
tasks:
  busy: {stream: {kind: uniform, size: 8MiB, accesses: 300000}, memory: [{size: 8MiB}]}
  rare: {stream: {kind: loop, size: 8MiB, accesses: 3000}, memory: [{size: 8MiB}]}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "watched.yaml"
    path.write_text(CONFIG)
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def read(path) -> list[dict]:
    return json.loads(zlib.decompress(path.read_bytes()))


def test_the_record_of_a_run_has_a_snapshot_an_aggregation_and_target(config, tmp_path):
    done = run("run", config, "--damon-out", tmp_path / "damon.data", "--json")
    assert done.exit_code == 0, done.output
    assert "snapshots of 2 targets" in done.stderr
    records = read(tmp_path / "damon.data")
    assert [record["target_id"] for record in records] == [0, 1]
    assert records[0]["intervals"] == {"sample_us": 50, "aggr_us": 1000, "ops_update_us": 0}
    for record in records:
        snapshots = record["snapshots"]
        assert len(snapshots) >= 5
        for at, snapshot in enumerate(snapshots):
            regions = snapshot["regions"]
            assert (regions[0]["start"], regions[-1]["end"]) == (0, 8 << 20)
            assert all(left["end"] == right["start"] for left, right in itertools.pairwise(regions))
            assert snapshot["total_bytes"] == 8 << 20 and snapshot["sample_interval_us"] == 50
            assert all(0 <= region["nr_accesses"]["samples"] <= 20 for region in regions)
            assert 1_000_000 <= snapshot["end_time"] - snapshot["start_time"] < 2_000_000  # its own work takes time
            assert at == 0 or snapshot["start_time"] == snapshots[at - 1]["end_time"]

    def heat(record: dict) -> int:
        regions = [region for snapshot in record["snapshots"] for region in snapshot["regions"]]
        return sum((each["end"] - each["start"]) * each["nr_accesses"]["samples"] for each in regions)

    assert heat(records[0]) > 10 * heat(records[1])
    told = json.loads(done.stdout)["metrics"]
    assert told == json.loads(run("run", config, "--json").stdout)["metrics"], "watching changes no number"


def test_the_record_of_a_run_is_a_workload_again(config, tmp_path):
    assert run("run", config, "--damon-out", tmp_path / "damon.data").exit_code == 0
    found = recording(str(tmp_path / "damon.data"))
    assert found.samples == {"0": 20.0, "1": 20.0} and len(found.snapshots) == sum(
        len(record["snapshots"]) for record in read(tmp_path / "damon.data")
    )
    done = run("trace", "import", "damon", tmp_path / "damon.data", "-o", tmp_path / "t.mmt", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["tasks"] == 2


def test_the_events_tell_what_the_record_tells(config, tmp_path):
    events = ("--events", "damon:*", "--trace-out", tmp_path / "t.txt")
    done = run("run", config, "--damon-out", tmp_path / "damon.data", *events)
    assert done.exit_code == 0
    text, packed = recording(str(tmp_path / "t.txt")), recording(str(tmp_path / "damon.data"))
    regions = [[(each.target, each.regions.tolist()) for each in found.snapshots] for found in (text, packed)]
    assert regions[0] == regions[1]


def test_a_tuned_interval_is_told_with_the_snapshots_it_held_for(config, tmp_path):
    config.write_text(CONFIG.replace("max_regions: 20", "max_regions: 20, tune_bp: 400"))
    done = run("run", config, "--damon-out", tmp_path / "damon.data")
    assert done.exit_code == 0, done.output
    intervals = [snapshot["sample_interval_us"] for snapshot in read(tmp_path / "damon.data")[0]["snapshots"]]
    assert intervals[:3] == [50, 50, 50] and set(intervals[3:]) <= {5_000, *range(5_000, 10_000_000)}


def test_what_does_not_fit_is_told_and_no_part_of_a_snapshot_stays(config, tmp_path):
    done = run("run", config, "--damon-out", tmp_path / "damon.data", "--trace-buffer", "8KiB")
    assert done.exit_code == 0 and "found no room" in done.stderr
    for record in read(tmp_path / "damon.data"):
        assert all(snapshot["total_bytes"] == 8 << 20 for snapshot in record["snapshots"])


@pytest.mark.parametrize(
    ("change", "words", "told"),
    [
        (("policy", "#"), (), "DAMON does not run in this cell"),
        (("aggr_us: 1000,", "aggr_us: 1000000,"), (), "no aggregation of 1000000 us ended"),
        (("", ""), ("--trace-task", "busy"), "DAMON is no task"),
    ],
)
def test_options_that_make_no_sense_are_refused(config, tmp_path, change, words, told):
    config.write_text(CONFIG.replace(*change) if change[0] else CONFIG)
    done = run("run", config, "--damon-out", tmp_path / "damon.data", *words)
    assert done.exit_code == 2 and told in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "damon.data").exists()
