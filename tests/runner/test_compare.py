"""`mmrun diff` and `mmrun why`: two cells side by side, and from a number to its parts, counters and events."""

import json
from fractions import Fraction
from math import log

import numpy as np
import pytest

from mmrun.model import api, catalogue
from mmrun.model.mechanisms import parts
from mmrun.model.mm.task.settings import APART, OF_RECLAIM
from mmrun.model.tracepoints import selected
from mmrun.runner import metrics
from mmrun.runner.cli import main
from mmrun.runner.compare.apart import Part, Run, account
from mmrun.runner.compare.moment import moment
from mmrun.runner.compare.moved import moved
from mmrun.runner.compare.why import run_of, sampled
from mmrun.runner.plan.plan import make_plan

CONFIG = """
experiment: small
kernel: "6.18"
machine:
  nodes: [{cpus: 2, memory: 16MiB}]
  disks: {d: {kind: sata-ssd}}
  swap: {s: {kind: partition, disk: d, size: 32MiB}}
tasks:
  heap: {stream: {kind: uniform, size: 24MiB, accesses: 8000, write_fraction: 0.5}}
  copy: {count: 2, stream: {kind: loop, size: 4MiB, accesses: 2000}, memory: [{kind: file, disk: d}]}
replicates: 3
sweep: {product: {era: {old: {kernel: "3.1"}, new: null}, vm.swappiness: [10, 100]}}
report:
  tables:
    - {name: time, rows: [era], columns: [vm.swappiness], metrics: [elapsed_ns], baseline: {era: old}}
"""
TIMES = ("elapsed_ns", "elapsed_s", "mean_task_elapsed_ns", "stall_swap_ns", "stall_alloc_ns", "stall_ns", "reclaim_ns")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("compare") / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def cells(config):
    """Both versions at swappiness 100, as replicate 0."""
    found = [each.cell for each in make_plan(config).cells if each.replicate == 0 and each.axes["vm.swappiness"] == 100]
    return found[1], found[0]


@pytest.fixture(scope="module")
def runs(cells):
    return tuple(run_of(api.simulate(cell)) for cell in cells)


@pytest.fixture
def printed(capsys):
    def call(*words):
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def every(part: Part):
    yield part
    for each in part.parts:
        yield from every(each)


@pytest.mark.parametrize("name", TIMES)
def test_parts_of_a_time_add_up_to_it_to_the_nanosecond(runs, name):
    found = account(name, *runs)
    ((whole, power),) = found.factors
    assert power == 1 and found.is_sum
    scale = 10**9 if name == "elapsed_s" else 1
    assert float(whole.here) == metrics.value(name, runs[0].metrics)
    for each in every(whole):
        if each.parts:
            assert sum(part.here for part in each.parts) == each.here
            assert sum(part.change for part in each.parts) == each.change
    assert (whole.here * scale * 3).denominator == 1  # three tasks have a mean
    assert all(part.name != "the rest" for part in every(whole))


def test_the_end_of_a_run_is_that_of_the_copy_that_ends_last(runs):
    (part,) = account("elapsed_ns", *runs).factors[0][0].parts
    here = runs[0].times[part.name.removeprefix("task ")]
    assert part.here == sum(here[each] for each in (*APART, "not_started_ns")) == runs[0].metrics["elapsed_ns"]
    swap = next(each for each in part.parts if each.metric == "stall_swap_ns")
    assert swap.here == here["stall_swap_ns"]


def test_where_another_task_ends_last_that_is_a_part_too():
    zero = dict.fromkeys((*APART, *OF_RECLAIM, "not_started_ns"), 0)
    mine = Run({"elapsed_ns": 70}, {"a": zero | {"hit_ns": 70}, "b": zero | {"hit_ns": 60}})
    theirs = Run({"elapsed_ns": 90}, {"a": zero | {"hit_ns": 50}, "b": zero | {"hit_ns": 90}})
    last, later = account("elapsed_ns", mine, theirs).factors[0][0].parts
    assert (last.name, last.change, later.name, later.change) == ("task a", 20, "there b ends last", -40)


def test_a_ratio_is_taken_apart_into_its_factors(runs):
    found = account("kswapd_efficiency_ratio", *runs)
    (above, up), (below, down) = found.factors
    assert (above.name, up, below.name, down) == ("pgsteal_kswapd", 1, "pgscan_kswapd", -1)
    assert above.here / below.here == Fraction(runs[0].metrics["pgsteal_kswapd"], runs[0].metrics["pgscan_kswapd"])
    assert sum(found.shares()) == pytest.approx(log(found.here / found.base))


def test_every_formula_of_a_metric_can_be_taken_apart():
    numbers = {name: Fraction(3 + place, 7) for place, name in enumerate(metrics.names())}
    told = {name: float(value) for name, value in numbers.items() if metrics.metric(name).expression is None}
    run = Run(told, {})
    for name in metrics.names():
        if metrics.metric(name).expression is not None:
            found, product = account(name, run, run), 1.0
            for part, power in found.factors:
                product *= float(part.here) ** power
            assert product == pytest.approx(metrics.value(name, told)), name


def test_what_is_declared_to_stand_behind_a_metric_exists():
    for module in parts("settings"):
        for cause in getattr(module, "CAUSES", ()):
            assert all(metrics.known(name) for name in (*cause.of, *cause.counters)), cause
            assert not cause.events or selected(cause.events), cause
    assert all(catalogue.causes(part) for part in ("stall_swap_ns", "stall_alloc_ns", "stall_dirty_ns", "hit_ns"))


def test_counters_are_ranked_by_how_much_they_moved_beside_the_run():
    here = {
        "memory_pages": 1000,
        "pgscan_kswapd": 1100,
        "pswpin": 3,
        "pgfault": 500,
        "node0.pgscan": 5,
        "outcome": "ok",
    }
    base = {"memory_pages": 1000, "pgscan_kswapd": 1000, "pswpin": 1, "pgfault": 5, "node0.pgscan": 5, "outcome": "ok"}
    found = moved([here], [base])
    assert [each.name for each in found] == ["pgfault", "pswpin", "pgscan_kswapd"]
    assert found[1].rank == pytest.approx(log(4 / 2)) and found[0].rank == pytest.approx(log(501 / 6))


def test_what_a_node_counted_is_left_out_where_the_machine_moved_as_much():
    here = {"memory_pages": 1000, "pgscan": 300, "node0.pgscan": 290, "node1.pgscan": 10}
    base = {"memory_pages": 1000, "pgscan": 200, "node0.pgscan": 195, "node1.pgscan": 5}
    assert [each.name for each in moved([here], [base])] == ["node1.pgscan", "pgscan"]


def test_where_half_of_a_difference_arises():
    here = {"access": np.arange(1, 101) * 10, "time_ns": np.arange(1, 101) * 7, "pswpin": np.zeros(100)}
    base = {"access": np.arange(1, 51) * 20, "time_ns": np.arange(1, 51) * 9, "pswpin": np.zeros(50)}
    here["pswpin"][60:] = 500.0
    found = moment("pswpin", here, base)
    assert found is not None and (found.whole, found.change >= 250) == (500, True)
    begin, end = found.accesses
    assert 595 <= begin < end <= 615 and abs(found.here[0] - begin * 0.7) <= 1 and abs(found.base[1] - end * 0.45) <= 1
    assert moment("pswpin", base, base) is None and moment("nothing", here, base) is None


def test_runs_of_unlike_length_are_compared_by_their_share():
    here = {"access": np.array([50, 100]), "time_ns": np.array([500, 1000]), "pswpin": np.array([0, 100])}
    base = {"access": np.array([30, 60]), "time_ns": np.array([50, 100]), "pswpin": np.array([0, 0])}
    found = moment("pswpin", here, base)
    assert (
        found.accesses is None and found.here[0] >= 499 and found.here[0] == pytest.approx(10 * found.base[0], abs=10)
    )


def test_samples_and_events_are_of_the_very_run_that_is_explained(cells, runs):
    seen = []
    series = sampled(cells[0], runs[0], lambda cell: seen.append(api.simulate(cell)) or seen[-1])
    assert len(series["time_ns"]) > 100
    assert dict(seen[0].metrics) == dict(api.simulate(cells[0]).metrics)


def test_diff_at_the_command_line(config, printed):
    code, out, _ = printed("diff", config, "era=old,vm.swappiness=100", "era=new")
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith("A  ") and "era=old vm.swappiness=100: ok" in lines[0]
    assert "3 pairs of replicates" in lines[2]
    assert any(line.split() == ["kernel", "3.1", "6.18"] for line in lines)
    assert any(line.split()[:1] == ["policy.lru.variant"] for line in lines)
    assert any(line.split()[:1] == ["vm.watermark_scale_factor"] for line in lines)
    (heap,) = (line for line in lines if line.startswith("  heap "))
    assert "[" in heap and "100.0 %" in heap
    assert any("stall: swap" in line for line in lines) and "Counters that moved most" in lines


def test_diff_as_json_adds_up(config, printed):
    code, out, _ = printed("diff", config, "0", "era=new", "--json")
    found = json.loads(out)
    assert code == 0 and {each["path"] for each in found["settings"]} >= {"kernel", "policy.lru.variant"}
    heap = [each for each in found["times"] if each["task"] == "heap" and not each["inside"]]
    whole, parts_ = heap[0], heap[1:]
    assert whole["part"] == "" and sum(each["here"] for each in parts_) == pytest.approx(whole["here"], abs=1e-6)
    ranks = [each["rank"] for each in found["counters"]]
    assert ranks == sorted(ranks, reverse=True)


def test_diff_takes_one_replicate_where_it_is_named(config, printed):
    code, out, err = printed("diff", config, "era=old,replicate=1", "era=new")
    assert code == 0 and "1 pair of replicates" in out and "runs 2 cells" in err and "replicate=1" in out
    assert "n = 1" in out and "not random" not in out


def test_what_is_wrong_with_a_name_is_told(config, printed):
    for words, said in (
        (["diff", config, "era=old", "era=now"], "no cell `era=now`"),
        (["diff", config, "era=old", "vm.swappines=10"], "did you mean `vm.swappiness`"),
        (["diff", config, "77", "0"], "no row 77"),
        (["diff", config, "0", "0"], "are the same cell"),
        (["why", config, "era=new", "nothing_ns"], "`nothing_ns` is not told"),
        (["why", config, "era=old", "pswpin"], "--against"),
        (["why", config, "era=new", "pswpin", "--against", "era=new"], "with itself"),
    ):
        code, _, err = printed(*words)
        assert code == 2 and said in err, (words, err)


def test_why_from_a_number_to_its_events(config, printed, tmp_path):
    code, out, _ = printed("why", config, "era=new,vm.swappiness=100", "stall_swap_ns")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("stall_swap_ns: ") and "era=old vm.swappiness=100" in lines[2]
    for heading in ("What it is made of", "Where it arises", "To see them"):
        assert heading in lines
    assert any(line.startswith(("Behind stall: swap", "Behind task ")) for line in lines)
    commands = [line.split()[1:] for line in lines if line.startswith("  mmrun run ")]
    assert len(commands) == 2
    trace = tmp_path / "trace.txt"
    code, *_ = printed(*[word.strip("'").replace("/dev/stdout", str(trace)) for word in commands[0]])
    begin, end = (float(commands[0][commands[0].index(word) + 1][:-2]) / 1e9 for word in ("--trace-from", "--trace-to"))
    events = [line for line in trace.read_text().splitlines() if "mm_vmscan_lru_shrink_inactive: " in line]
    counted = next(line for line in lines if line.strip().startswith("mm_vmscan_lru_shrink_inactive "))
    assert code == 0 and len(events) == int(counted.split()[1].replace(",", ""))
    assert all(begin - 1e-6 <= float(line.split("]")[1].split()[1].rstrip(":")) <= end for line in events)


def test_why_of_what_a_table_shows_by_default(config, printed):
    code, out, _ = printed("why", config, "era=new", "--no-events", "--json")
    found = json.loads(out)
    assert code == 0 and found["account"]["name"] == "elapsed_ns" and "era=old" in found["there"]
    ((whole, power),) = found["account"]["factors"]
    assert power == 1 and sum(part["here"] for part in whole["parts"]) == whole["here"] == found["account"]["here"]


@pytest.fixture(scope="module")
def results(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("stored") / "small"
    assert main(["sweep", str(config), "--out", str(out), "--executor", "local"]) == 0
    return out


def test_stored_results_are_compared_without_a_run(config, results, printed, monkeypatch):
    _, fresh, _ = printed("diff", config, "era=old,vm.swappiness=10", "era=new")
    monkeypatch.setattr(api, "simulate", None)
    code, stored, err = printed("diff", results, "era=old,vm.swappiness=10", "era=new")
    assert code == 0 and stored == fresh and "runs" not in err


def test_why_follows_a_stored_row(results, printed):
    code, out, _ = printed("why", results, "3", "pswpin")
    assert code == 0 and out.startswith("pswpin: ") and "stored is" not in out and "To see them" not in out


def test_a_directory_without_results(tmp_path, printed):
    code, _, err = printed("diff", tmp_path, "0", "1")
    assert code == 3 and "no sweep has run here" in err


def test_cells_of_one_run_only_are_paired_with_every_replicate():
    from mmrun.runner.compare.source import Planned, pairs

    alone, many = [Planned("a", {}, 0)], [Planned("b", {}, n) for n in range(3)]
    assert [(mine.key, there.replicate) for mine, there in pairs(alone, many)] == [("a", 0), ("a", 1), ("a", 2)]
    assert [mine.replicate for mine, _ in pairs(many[1:], many)] == [1, 2]
