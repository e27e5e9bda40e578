"""The `timeline` of an experiment file: read, refused at the place of each fault, swept, run and told."""

import json
import re
from pathlib import Path

import pytest

from mmrun.runner.cli import main
from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.plan import make_plan

DOCS = Path(__file__).parents[2] / "docs" / "life.md"
HEAD = """\
experiment: x
kernel: "KERNEL"
machine: {nodes: [{cpus: 1, memory: 64MiB}]}
cgroups: {g: {max: 32MiB}}
tasks: {t: {cgroup: g, think: 10us, stream: {kind: loop, size: 8MiB, accesses: 3000}}}
timeline:
"""
LINE = HEAD.count("\n") + 1  # of the first entry


def written(folder: Path, *entries: str, kernel: str = "6.18", more: str = "") -> Path:
    """An experiment with these entries."""
    config = folder / "x.yaml"
    config.write_text(HEAD.replace("KERNEL", kernel) + "".join(f"  - {entry}\n" for entry in entries) + more)
    return config


WRONG = {
    "no action": ("{at: 1s}", "an entry without an action", "6.18", 5),
    "two actions": ("{at: 1s, drop_caches: 1, remove: g}", "an entry does one thing", "6.18", 38),
    "no time": ("{drop_caches: 1}", "`at` is required", "6.18", 5),
    "a fourth cache": ("{at: 1s, drop_caches: 4}", "`4` is not one of 1, 2, 3", "6.18", 27),
    "a group that is not": ("{at: 1s, remove: h}", "no cgroup `h`", "6.18", 22),
    "limits of a group that is not": ("{at: 1s, set: {cgroups: {h: {max: 1MiB}}}}", "no cgroup `h`", "6.18", 30),
    "a fixed setting": ("{at: 1s, set: {vm: {numa_balancing: 1}}}", "vm.numa_balancing cannot change", "6.18", 41),
    "a setting of later": ("{at: 1s, set: {vm: {watermark_scale_factor: 20}}}", "has no vm.watermark", "4.4", 49),
    "a range": ("{at: 1s, set: {vm: {swappiness: 201}}}", "swappiness is 201", "6.18", 37),
    "memory.reclaim of later": ("{at: 1s, reclaim: {cgroup: g, size: 1MiB}}", "has no memory.reclaim", "5.15", 14),
    "swappiness of later": ("{at: 1s, reclaim: {size: 1MiB, swappiness: 0}}", "takes no swappiness=0", "6.1", 48),
    "memory.high of v1": ("{at: 1s, set: {cgroups: {g: {high: 1MiB}}}}", "has no `high`", "3.15", 40),
    "force_empty of v2": ("{at: 1s, force_empty: g}", "has no memory.force_empty", "6.18", 27),
    "a size": ("{at: 1s, set: {cgroups: {g: {max: most}}}}", "most", "6.18", 39),
}  # fmt: skip


@pytest.mark.parametrize("entry, says, kernel, column", WRONG.values(), ids=WRONG)
def test_faults_have_their_places(entry: str, says: str, kernel: str, column: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as refused:
        make_plan(written(tmp_path, entry, kernel=kernel))
    (error,) = refused.value.errors
    assert says in error.message and (error.line, error.column) == (LINE, column)


def test_entries_come_in_order(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="comes before the entry above") as refused:
        make_plan(written(tmp_path, "{at: 2s, drop_caches: 1}", "{at: 1s, drop_caches: 1}"))
    assert refused.value.errors[0].line == LINE + 1


def test_a_timeline_is_swept_and_makes_other_cells(tmp_path: Path) -> None:
    axes = "{timeline.0.set.cgroups.g.max: [4MiB, 8MiB], timeline.0.at: [1ms, 2ms]}"
    more = f"sweep: {{product: {axes}}}\n"
    config = written(tmp_path, "{at: 20ms, set: {cgroups: {g: {max: 16MiB}}}}", more=more)
    cells = [planned.cell for planned in make_plan(config).cells]
    found = [(entry.at, entry.set.cgroups["g"].max) for cell in cells for entry in cell.timeline if entry.set]
    assert sorted(found) == [(at, size << 20) for at in (1_000_000, 2_000_000) for size in (4, 8)]


def test_what_is_never_reached_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, "{at: 20s, drop_caches: 1}", more="duration: 1s\n")
    assert main(["check", str(config)]) == 0
    assert "changes nothing" in capsys.readouterr().err


def test_run_tells_each_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(
        tmp_path, "{at: 1ms, set: {vm: {swappiness: 10}}}", "{at: 2ms, remove: g}", "{at: 99s, compact: 1}"
    )
    assert main(["run", "--check", str(config)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"0\.001000 s: vm swappiness = 10: 0, ", out) and "rmdir of g: -EBUSY" in out
    assert "99s: compact_memory 1: not done, the run was over" in out
    assert main(["run", str(config), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["changes"]) == 3


def test_the_documented_example_is_sound(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(experiment: .*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "x.yaml").write_text(example)
    assert len(make_plan(tmp_path / "x.yaml").cells) == 1
