"""`mmrun run --set`: paths that lead nowhere and values that mean nothing are refused; names need no quotes."""

import pytest
import yaml

from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.plan import make_plan
from mmrun.runner.plan.select import with_settings

TREE = {
    "experiment": "s", "kernel": "6.18",
    "machine": {"nodes": [{"cpus": 1, "memory": "16MiB"}], "disks": {"d": {"kind": "hdd"}}},
    "cgroups": {"1": {"max": "8MiB"}}, "tasks": {"app": {"stream": {"kind": "loop", "size": "1MiB", "accesses": 100}}},
}  # fmt: skip


@pytest.fixture
def changed(tmp_path):
    config = tmp_path / "s.yaml"
    config.write_text(yaml.safe_dump(TREE))
    plan = make_plan(config)
    return lambda *settings: with_settings(plan, plan.cells[0], list(settings))


@pytest.mark.parametrize("typed", ["3.1", "6.10", '"6.1"', "6.18+mglru", "2.6.39"])
def test_a_version_is_taken_as_it_is_typed(changed, typed):
    assert changed(f"kernel={typed}").kernel == typed.strip('"')


def test_other_names_that_look_like_numbers(changed):
    assert changed("tasks.app.cgroup=1").tasks["app"].cgroup == "1"
    assert changed("seed=010").seed == "010"
    assert changed("vm.swappiness=10").vm.swappiness == 10


@pytest.mark.parametrize(
    "setting, says",
    [
        *((f"{key}=3", f"`{key}` is not a path into a cell") for key in
          ("nosuch", "experiment", "replicates", "report", "sweep", "include", "")),
        ("tasks.ap.stream.size=3MiB", "there is no task `ap` (did you mean `app`?)"),
        ("cgroups.g.max=1MiB", "there is no cgroup `g`"), ("machine.disks.e.rpm=5400", "there is no disk `e`"),
        ("slab.d.seeks=1", "there is no slab cache `d` (define it first)"),
        ("vm.swapiness=3", "did you mean `swappiness`?"), ("vm.swappiness=abc", "a whole number is expected"),
        ("vm.swappiness=", "a value is missing"), ("kernel=6.99", "newer than 6.18"), ("kernel", "`path=value`"),
        ("tasks.app.stream.sizee=1MiB", "did you mean `size`?"), ("vm..swappiness=3", "empty part"),
    ],
)  # fmt: skip
def test_what_is_not_there_cannot_be_set(changed, setting, says):
    with pytest.raises(ConfigErrors) as refused:
        changed(setting)
    assert says in str(refused.value)


def test_a_sweep_does_not_begin_a_task_by_a_slip_either(tmp_path):
    config = tmp_path / "s.yaml"
    config.write_text(yaml.safe_dump(TREE | {"sweep": {"product": {"tasks.ap.stream.size": ["1MiB", "2MiB"]}}}))
    with pytest.raises(ConfigErrors, match="there is no task `ap`"):
        make_plan(config)
