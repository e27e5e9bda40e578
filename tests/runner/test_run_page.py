"""What `mmrun run` prints: facts that its counters state, kills, and every counter once."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mmrun.model import api
from mmrun.runner.cli import main
from mmrun.runner.plan.plan import make_plan
from mmrun.runner.report.run_facts import facts
from mmrun.runner.report.run_page import page, scope

GOLDEN = Path(__file__).parent / "golden_report"
HEAD = """
experiment: p
machine: {nodes: [{cpus: 2, memory: 32MiB}], disks: {d: {kind: sata-ssd}}}
"""
HIGH = (
    HEAD
    + """
kernel: "6.18"
cgroups: {unit: {high: 4MiB, max: 16MiB}}
tasks: {t: {cgroup: unit, stream: {kind: loop, size: 6MiB, accesses: 3000, write_fraction: 1.0}}}
duration: 20s
"""
)
KILL = (
    HEAD
    + """
kernel: "6.18"
cgroups: {g: {max: 4MiB}}
tasks: {t: {cgroup: g, stream: {kind: loop, size: 6MiB, accesses: 3000, write_fraction: 1.0}}}
"""
)
TWO_NODES = """
experiment: p
kernel: "3.1"
machine: {nodes: [{cpus: 1, memory: 16MiB}, {cpus: 1, memory: 16MiB}], disks: {d: {kind: sata-ssd}}}
tasks: {t: {stream: {kind: loop, size: 24MiB, accesses: 12288}, memory: [{kind: file, access: read, disk: d}]}}
vm: {zone_reclaim_mode: 1}
"""
PAGES = {"high": HIGH, "nodes": TWO_NODES, "kill": KILL}


def printed(tmp_path: Path, text: str, *more: str):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    plan = make_plan(path)
    cell = plan.cells[0].cell
    outcome = api.simulate(cell)
    return cell, outcome.metrics, page(cell, list(more), outcome.metrics, outcome.kills, outcome.death)


def above_counters(tmp_path: Path, text: str) -> str:
    """The page down to its counters."""
    _, _, lines = printed(tmp_path, text)
    return "\n".join(lines[: lines.index("Counters of nodes")])


@pytest.mark.parametrize("name, text", PAGES.items())
def test_the_page_word_for_word(tmp_path: Path, name: str, text: str):
    """`python -m tests.runner.test_run_page` writes the files anew, for a reason that can be named."""
    assert above_counters(tmp_path, text) == (GOLDEN / f"run-{name}.txt").read_text()


def test_who_is_over_high_reads_it_in_a_sentence(tmp_path: Path):
    _, told, lines = printed(tmp_path, HIGH)
    (group,) = (line for line in lines if line.startswith("  group unit: "))
    assert "memory.high 1,024" in group and f"over high {told['cgroup.unit.events_high']:,} times" in group
    assert "at max" not in group and "  swap: there is none" in lines


def test_reclaim_of_the_own_node_while_another_has_room(tmp_path: Path):
    _, told, lines = printed(tmp_path, TWO_NODES)
    (sentence,) = (line for line in lines if "zone_reclaim_mode" in line)
    assert f"{told['zone_reclaim_success']:,} times enough" in sentence and told["zone_reclaim_success"] > 0
    (free,) = (line for line in lines if line.startswith("  memory: "))
    assert f"node1 {told['node1.nr_free_pages']:,}" in free and told["node1.nr_free_pages"] > 3000


def test_every_counter_that_is_not_zero_stands_there_once(tmp_path: Path):
    _, told, lines = printed(tmp_path, TWO_NODES)
    start = lines.index("Counters of nodes")
    for name, value in told.items():
        if value == 0 or name == "outcome":
            continue
        kind, thing, leaf = scope(name)
        heading = {"node": "Counters of nodes", "disk": "Counters of disks", "task": "Counters of tasks"}.get(kind)
        found = [line for line in lines[start:] if line.startswith(f"  {leaf} ")]
        assert found and (not thing or thing in lines[lines.index(heading) + 1]), name
        whole = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
        assert any(whole in line for line in found), (name, value)
    assert lines[-1] == f"({sum(value == 0 for value in told.values())} more counters are 0)"


def test_facts_of_nothing_say_nothing_false(tmp_path: Path):
    cell, told, _ = printed(tmp_path, HIGH)
    assert facts(cell, {}) == ["swap: there is none"]
    sentences = facts(cell, told)
    assert len(sentences) == len(set(sentences)) and all(re.fullmatch(r"[ -~]+", line) for line in sentences)
    zeros = dict.fromkeys(told, 0)
    assert [line for line in facts(cell, zeros) if "reclaimed" in line or "slept" in line] == []


def test_many_things_have_a_line_each(tmp_path: Path):
    text = HEAD + 'kernel: "6.18"\ntasks: {t: {count: 9, stream: {kind: loop, size: 1MiB, accesses: 300}}}\n'
    _, _, lines = printed(tmp_path, text)
    assert any(re.match(r"  8\.accesses +300", line.replace("t.", "")) for line in lines)


def test_run_warns_of_settings_that_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "p.yaml"
    path.write_text(HIGH + "vm: {swappiness: 10}\n")
    assert main(["run", str(path)]) == 0
    said = capsys.readouterr()
    assert "warning: " in said.err and "`vm.swappiness` changes nothing" in said.err
    assert said.out.splitlines()[1] == "outcome: ok"


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        for each, described in PAGES.items():
            (GOLDEN / f"run-{each}.txt").write_text(above_counters(Path(made), described))
