"""From an experiment file to planned cells: merging, machines, overrides, percentages, identity."""

import json
from pathlib import Path

import pytest

from mmrun.model import registry
from mmrun.model.description import SwapTarget
from mmrun.model.units import GiB, MiB
from mmrun.runner.config.library import experiments, machine_names
from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.plan import Plan, further, make_plan, row_key
from mmrun.runner.plan.select import with_settings
from mmrun.runner.report.sweep_facts import facts_from
from tests.runner.config_cases import VALID

BASE = """\
experiment: small
kernel: "6.18"
machine: laptop
tasks: {a: {stream: {kind: loop, size: 10%, accesses: 100}}}
"""

DRAWN = BASE.replace("kind: loop", "kind: uniform")


def plan(folder: Path, text: str, **files: str) -> Plan:
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content)
    config = folder / "main.yaml"
    config.write_text(text)
    return make_plan(config)


def keys(found: Plan) -> list[str]:
    return [cell.key for cell in found.cells]


def test_a_whole_experiment(tmp_path: Path):
    found = plan(tmp_path, VALID)
    assert (found.name, found.out, len(found.cells)) == ("demo", Path("results/demo"), 6)
    assert [cell.axes for cell in found.cells[::2]] == [
        {"vm.swappiness": 0, "place": "spread"}, {"vm.swappiness": 60, "place": "spread"},
        {"vm.swappiness": 60, "place": "home"},
    ]  # fmt: skip
    assert [cell.replicate for cell in found.cells] == [0, 1] * 3
    assert len(set(keys(found))) == 6 and all(len(key) == 20 for key in keys(found))
    cell = found.cells[0].cell
    assert cell.cgroups["box"].max == GiB and cell.tasks["db"].mempolicy.weights == (3, 1)
    size = cell.tasks["db"].stream.params["size"]
    assert size == 2 * GiB * 60 // 100 // 4096 * 4096
    assert cell.vm.swappiness == 0 and cell.seed == "7" and cell.duration == 120 * 10**9
    assert found.cells[5].cell.tasks["db"].mempolicy.mode == "local"


@pytest.mark.parametrize("name", machine_names())
def test_every_shipped_machine_is_possible(name: str, tmp_path: Path):
    machine = plan(tmp_path, BASE.replace("laptop", name)).cells[0].cell.machine
    assert machine.swap and machine.disks and sum(node.cpus for node in machine.nodes) > 0
    if machine.distance:
        assert all(machine.distance[i][j] == row[i] for j, row in enumerate(machine.distance) for i in range(len(row)))


@pytest.mark.parametrize("config", experiments(), ids=lambda path: path.stem)
def test_every_shipped_experiment_is_valid(config: Path):
    assert make_plan(config).cells


def test_a_machine_with_overrides(tmp_path: Path):
    text = BASE.replace(
        "machine: laptop", "machine: {base: laptop, disks: {ssd: {parallel: 3}}, swap: {ssd: null}, hz: 250}"
    )
    machine = plan(tmp_path, text).cells[0].cell.machine
    assert machine.disks["ssd"].parallel == 3 and machine.disks["ssd"].size == 512 * GiB
    assert (machine.swap, machine.hz) == ({}, 250)


def test_a_machine_beside_the_experiment_wins(tmp_path: Path):
    own = "base: server-2\nhz: 100\n"
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "mine.yaml").write_text(own)
    assert plan(tmp_path, BASE.replace("laptop", "mine")).cells[0].cell.machine.hz == 100
    assert plan(tmp_path, BASE, laptop="base: server-2\nhz: 250\n").cells[0].cell.machine.hz == 250


def test_includes_lie_below_and_later_ones_win(tmp_path: Path):
    first = "kernel: '3.1'\nvm: {swappiness: 1, page_cluster: 1}\nseed: first\n"
    second = "include: [third.yaml]\nvm: {swappiness: 2}\n"
    third = "vm: {swappiness: 3, min_free_kbytes: 4096}\nduration: 5s\n"
    text = "include: [first.yaml, second.yaml]\n" + BASE + "vm: {page_cluster: 0}\nseed: null\n"
    cell = plan(tmp_path, text, first=first, second=second, third=third).cells[0].cell
    assert (cell.vm.swappiness, cell.vm.page_cluster, cell.vm.min_free_kbytes) == (2, 0, 4096)
    assert (cell.kernel, cell.seed, cell.duration) == ("6.18", "mmrun", 5 * 10**9)


def test_axes_may_come_in_any_order(tmp_path: Path):
    """A machine's parts are set after the machine, however the axes are written down."""
    swap = "net: {machine.swap: {n: {kind: nbd, link: lan, size: 1GiB}}}, disk: {machine.nodes.*.latency: 77ns}"
    one = plan(tmp_path, BASE + f"sweep: {{product: {{how: {{{swap}}}, machine: [server-2, cxl]}}}}\n")
    two = plan(tmp_path, BASE + f"sweep: {{product: {{machine: [server-2, cxl], how: {{{swap}}}}}}}\n")
    assert sorted(keys(one)) == sorted(keys(two))
    by_axes = {tuple(cell.axes.values()): cell.cell.machine for cell in two.cells}
    assert by_axes["cxl", "net"].swap == {"n": SwapTarget(kind="nbd", link="lan", size=GiB)}
    assert {node.latency for node in by_axes["cxl", "disk"].nodes} == {77} and len(by_axes["cxl", "disk"].nodes) == 3


def test_percentages_follow_the_machine(tmp_path: Path):
    found = plan(tmp_path, BASE + "sweep: {product: {machine: [laptop, server-2]}}\n")
    assert [cell.cell.tasks["a"].stream.params["size"] for cell in found.cells] == [
        8 * GiB // 10 // 4096 * 4096, 64 * GiB // 10 // 4096 * 4096,
    ]  # fmt: skip


def test_wildcards_reach_every_task(tmp_path: Path):
    text = VALID.replace("tasks.db.mempolicy: {mode: local}", "tasks.*.mempolicy: {mode: bind, nodes: [0]}")
    found = plan(tmp_path, text)
    assert {task.mempolicy.mode for task in found.cells[-1].cell.tasks.values()} == {"bind"}


def test_a_union_fills_absent_axes_from_the_experiment(tmp_path: Path):
    found = plan(tmp_path, BASE + "sweep: {union: [{vm.swappiness: [0]}, {kernel: ['3.1']}]}\n")
    assert [cell.axes for cell in found.cells] == [
        {"vm.swappiness": 0, "kernel": "6.18"}, {"vm.swappiness": "base", "kernel": "3.1"},
    ]  # fmt: skip


def test_identity_is_of_meaning_not_of_spelling(tmp_path: Path):
    plain = keys(plan(tmp_path, BASE))
    assert keys(plan(tmp_path, BASE.replace("10%", f"{8 * GiB // 10 // 4096 * 4096}B"))) == plain
    assert keys(plan(tmp_path, BASE + "description: other words\nvm: {swappiness: 60}\n")) == plain
    assert keys(plan(tmp_path, "# comment\n" + BASE.replace("small", "renamed"))) == plain
    for change in ("vm: {swappiness: 61}\n", "seed: other\n", "duration: 1s\n", "policy: {pcp: batch-15}\n"):
        assert keys(plan(tmp_path, BASE + change)) != plain


def test_an_outside_variant_counts_by_its_contents(tmp_path: Path):
    text = BASE + "policy: {pcp: {variant: mine, file: mine.py}}\n"
    text_of_variant = registry.variant_info("pcp", "batch-63").path.read_text()
    (tmp_path / "mine.py").write_text(text_of_variant)
    first = keys(plan(tmp_path, text))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.py").write_text(text_of_variant)
    assert keys(plan(tmp_path / "elsewhere", text)) == first
    (tmp_path / "mine.py").write_text(text_of_variant + "# another\n")
    assert keys(plan(tmp_path, text)) != first


def test_a_trace_counts_by_its_contents(tmp_path: Path):
    import numpy as np

    from mmrun.model.trace import write_trace

    def recorded(folder: Path, pages: list[int]) -> list[str]:
        folder.mkdir(exist_ok=True)
        chunk = np.array(pages, dtype=np.uint32), np.zeros(len(pages), dtype=bool)
        write_trace(folder / "t.mmt", [chunk], {"by": "a test"})
        return keys(plan(folder, BASE.replace("{kind: loop, size: 10%, accesses: 100}", "{kind: trace, path: t.mmt}")))

    first = recorded(tmp_path / "a", [1, 2, 3])
    assert recorded(tmp_path / "b", [1, 2, 3]) == first
    assert recorded(tmp_path / "a", [1, 2, 4]) != first


def test_replicates_until_an_interval_is_narrow(tmp_path: Path):
    text = DRAWN + "replicates: {min: 10, max: 12, until: {metric: elapsed_ns, half_width: 2%}}\n"
    found = plan(tmp_path, text + "sweep: {product: {vm.swappiness: [0, 60]}}\n")
    assert found.experiment.replicates.until.half_width == 0.02 and len(found.cells) == 20
    more = further(found, 19, {row_key({"vm.swappiness": 60})})
    assert [(cell.axes, cell.replicate) for cell in more] == [({"vm.swappiness": 60}, n) for n in (10, 11)]
    fixed = plan(tmp_path, DRAWN + "replicates: 12\nsweep: {product: {vm.swappiness: [0, 60]}}\n")
    assert {cell.key for cell in more} < set(keys(fixed))


def test_cells_in_which_nothing_draws_have_one_replicate(tmp_path: Path):
    sweep = "replicates: 3\nsweep: {product: {tasks.a.stream.kind: [loop, uniform], vm.swappiness: [0, 60]}}\n"
    found = plan(tmp_path, BASE + sweep)
    told = [(cell.axes["tasks.a.stream.kind"], cell.replicate, cell.random) for cell in found.cells]
    drawn = [("uniform", i, True) for i in range(3)]
    assert told == [("loop", 0, False), ("loop", 0, False), *drawn, *drawn]
    assert further(found, 9, {row_key(cell.axes) for cell in found.cells}) == (), "nor any that `until` would add"
    for cell in found.cells:  # the row of each is found whatever their numbers
        changed = with_settings(found, cell, ["vm.dirty_ratio=33", "seed=other"])
        assert (changed.vm.swappiness, changed.vm.dirty_ratio) == (cell.axes["vm.swappiness"], 33)
        assert (changed.seed, changed.replicate) == ("other", cell.replicate)
        assert changed.tasks["a"].stream.kind == cell.axes["tasks.a.stream.kind"]


def test_errors_of_one_combination_name_it(tmp_path: Path):
    text = BASE + "sweep: {product: {kernel: ['6.18', '3.1'], vm.swappiness: [60, 150]}}\n"
    with pytest.raises(ConfigErrors) as caught:
        plan(tmp_path, text)
    (error,) = caught.value.errors
    assert (error.line, error.message) == (5, "swappiness is 150")
    assert "0 to 100 in kernel 3.1" in error.fix and "in the cell kernel=3.1, vm.swappiness=150" in error.fix


def test_a_small_board_is_small(tmp_path: Path):
    assert plan(tmp_path, BASE.replace("laptop", "arm-1g")).cells[0].cell.machine.nodes[0].memory == 1024 * MiB


def test_a_plan_tells_its_report_what_is_left_out_why_and_what_is_a_yardstick(tmp_path: Path):
    text = (
        BASE.replace("laptop", "server-2")
        + """sweep:
  product:
    kernel: ["3.1", "6.18"]
    lru: {own: null, best: {policy.lru: opt}}
    placement: {plain: null, weighted: {tasks.a.mempolicy: {mode: weighted-interleave, nodes: all, weights: auto}}}
  exclude: [{kernel: "3.1", placement: weighted}, {kernel: "6.18", lru: own, placement: plain}]
  when: [{if: {lru: best}, then: {placement: plain}}]
"""
    )
    facts = plan(tmp_path, text).facts
    assert facts.yardsticks == {"lru": ["best"]}
    assert [absence.match for absence in facts.absences] == [
        {"kernel": ["3.1"], "placement": ["weighted"]},
        {"kernel": ["6.18"], "lru": ["own"], "placement": ["plain"]},
        {"lru": ["best"]},
    ]
    place = {"kernel": "3.1", "lru": "own", "placement": "weighted"}
    assert facts.why_absent(place) == ("n/a", "kernel 3.1 has no mempolicy `weighted-interleave`")
    assert facts.why_absent({**place, "kernel": "6.18", "placement": "plain"}) == ("excluded", "")
    assert facts.why_absent({**place, "lru": "best", "placement": "plain"}) == ("not swept", "")
    assert facts_from(json.loads(json.dumps(facts.plain()))) == facts
