"""`import mmrun`: check, plan, run, sweep, load, in this process; every error an exception, nothing printed."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmrun

ROOT = Path(__file__).resolve().parent.parent
YAML = """\
experiment: small
kernel: "6.18"
machine: {nodes: [{cpus: 1, memory: 64MiB}], swap: {z: {kind: zram, size: 64MiB}}}
tasks: {app: {stream: {kind: uniform, size: 80MiB, accesses: 40000, write_fraction: 0.5}}}
sampling: {accesses: 10000}
replicates: 2
sweep: {product: {vm.swappiness: [0, 100]}}
"""
MAPPING: dict[str, Any] = {
    "experiment": "small",
    "kernel": "6.18",
    "machine": {"nodes": [{"cpus": 1, "memory": "64MiB"}], "swap": {"z": {"kind": "zram", "size": "64MiB"}}},
    "tasks": {"app": {"stream": {"kind": "uniform", "size": "80MiB", "accesses": 40000, "write_fraction": 0.5}}},
    "sampling": {"accesses": np.int64(10000)},
    "replicates": 2,
    "sweep": {"product": {"vm.swappiness": [0, 100]}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(YAML)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> mmrun.Runs:
    return mmrun.sweep(MAPPING, tmp_path_factory.mktemp("runs"), executor="local")


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, mmrun; early = len([n for n in sys.modules if n.startswith(('model', 'runner'))]); mmrun.plan; "
        "print(early, [n for n in ('numba', 'ray', 'pandas', 'pyarrow', 'scipy', 'typer') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "0 []\n"


def test_every_public_name_is_there_and_documented():
    for name in mmrun.__all__:
        assert len(getattr(mmrun, name).__doc__) > 40 and name in dir(mmrun)
    with pytest.raises(AttributeError, match="chek"):
        mmrun.chek  # noqa: B018


def test_a_good_experiment_has_no_problems(config: Path):
    assert mmrun.check(config) == mmrun.check(str(config)) == mmrun.check(MAPPING) == []


def test_all_problems_of_a_file_come_at_once(config: Path):
    config.write_text(YAML.replace("uniform, size: 80MiB", "unifrom, size: 80MiB").replace("kernel:", "kernle:"))
    problems = mmrun.check(config)
    assert [(each.file, each.line) for each in problems] == [(config, 1), (config, 2), (config, 4)]
    assert "did you mean `kernel`?" in problems[1].fix and problems[1].column == 1
    assert str(problems[2]).startswith(f"{config}:4:") and "unknown stream kind `unifrom`" in str(problems[2])
    for call in (mmrun.plan, mmrun.run, mmrun.sweep):
        with pytest.raises(mmrun.ConfigError) as raised:
            call(config)
        assert raised.value.problems == problems and str(raised.value).count("\n") == 2
    (absent,) = mmrun.check("nowhere.yaml")
    assert "cannot read" in absent.message and absent.line == 0


def test_problems_of_a_mapping_have_their_keys():
    wrong = {
        **MAPPING, "kernel": 6.18, "replicates": 0, "machine": {"nodes": [{"cpus": 1, "memory": "64MB"}, {"cpu": 1}]},
        "tasks": {"app": {"stream": {"kind": "zipf", "size": object(), "accesses": 1}}, 3: {}},
        "sampling": {"accesses": float("nan")},
    }  # fmt: skip
    problems = {each.key: each for each in mmrun.check(wrong)}
    assert {"kernel", "machine.nodes.1.cpu", "tasks", "tasks.app.stream.size", "sampling.accesses"} <= set(problems)
    assert problems["kernel"].file is None and problems["kernel"].fix == 'write "6.18"'
    assert str(problems["machine.nodes.1.cpu"]).startswith("machine.nodes.1.cpu: unknown key `cpu`")
    assert "cannot stand in an experiment" in problems["tasks.app.stream.size"].message


def test_mappings_that_no_file_could_be():
    deep: dict[str, Any] = {}
    deep["experiment"] = deep
    assert any("nested too deeply" in each.message for each in mmrun.check(deep))
    assert any("`experiment` is required" in each.message for each in mmrun.check({}))


def test_a_mapping_includes_files(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(config.parent)
    planned = mmrun.plan({"include": ["small.yaml"], "experiment": "more", "replicates": 3})
    assert planned.name == "more" and len(planned) == 6 and planned.out == Path("results/more")
    assert "include.0" in {each.key for each in mmrun.check({"include": ["none.yaml"], "experiment": "more"})}


def test_a_plan_is_the_same_from_file_and_mapping(config: Path):
    planned, other = mmrun.plan(config, out="there"), mmrun.plan(MAPPING)
    assert planned.axes == other.axes == {"vm.swappiness": (0, 100)} and planned.out == Path("there")
    assert [cell.key for cell in planned.cells] == [cell.key for cell in other.cells] and len(planned) == 4
    assert [cell.replicate for cell in planned.where({"vm.swappiness": 100})] == [0, 1]
    assert len(planned.where({"vm.swappiness": [0, 100], "replicate": 1})) == 2
    assert planned.cells[0].cell.vm.swappiness == 0
    with pytest.raises(mmrun.ConfigError) as raised:
        planned.where({"vm.swapiness": 1, "vm.swappiness": 60})
    assert "did you mean `vm.swappiness`" in str(raised.value) and "`vm.swappiness` is never `60`" in str(raised.value)


def test_one_cell_runs_here(config: Path, capfd: pytest.CaptureFixture[str]):
    result = mmrun.run(config, {"vm.swappiness": 100}, check=True)
    assert result["outcome"] == "ok" and result["accesses"] == 40000 and result.axes == {"vm.swappiness": 100}
    assert result["miss_ratio"] == result["misses"] / 40000 and "miss_ratio" not in dict(result)
    assert result.series["access"].tolist() == [10000, 20000, 30000, 40000]
    again = mmrun.run(mmrun.plan(MAPPING), {"vm.swappiness": 100})
    assert dict(again) == dict(result) and dict(mmrun.run(result.cell)) == dict(result)
    other = mmrun.run(config, {"vm.swappiness": 100}, replicate=7)
    assert other.cell.replicate == 7 and other["misses"] != result["misses"]
    assert mmrun.run(config, {"vm.swappiness": 100}, seed="other")["misses"] != result["misses"]
    with pytest.raises(KeyError, match="nothing_so"):
        result["nothing_so"]
    assert capfd.readouterr().out == ""


def test_a_choice_that_leaves_several_cells_is_refused(config: Path):
    with pytest.raises(mmrun.ConfigError, match=r"2 cells are at these labels \(name a label of vm.swappiness\)"):
        mmrun.run(config)
    with pytest.raises(mmrun.ConfigError, match="no axis `lru`"):
        mmrun.run(config, {"lru": "split"})


def test_an_experiment_without_a_sweep_is_one_cell():
    alone = {name: value for name, value in MAPPING.items() if name not in ("sweep", "sampling")}
    planned = mmrun.plan(alone)
    assert planned.axes == {} and [cell.replicate for cell in planned.cells] == [0, 1]
    result = mmrun.run(planned)
    assert result["outcome"] == "ok" and result.series == {} and result.axes == {}


def test_a_failing_model_is_a_run_error(tmp_path: Path):
    (tmp_path / "raises.py").write_text(
        '"""Raises."""\nfrom mmrun.policy import hook\n\nSOURCE = "test"\nSCOPE = "node"\nBASE = "cost-balanced"\n\n\n'
        "@hook\ndef check_references(m, frame, young, executable):\n    assert frame < 5\n    return 0\n"
    )
    outside = {"lru": {"variant": "raises", "file": str(tmp_path / "raises.py")}}
    with pytest.raises(mmrun.RunError, match=r"raises\.py:11"):
        mmrun.run({**MAPPING, "policy": outside}, {"vm.swappiness": 100})


def test_a_sweep_gives_typed_results(runs: mmrun.Runs):
    assert len(runs) == 4 and runs.axes == {"vm.swappiness": (0, 100)} and "pgmajfault" in runs.metrics
    assert set(runs.column("status")) == {"ok"} and len(runs.failed) == 0 and "4 runs" in repr(runs)
    found = runs.columns("vm.swappiness", "replicate", "misses", "miss_ratio", "elapsed_s")
    assert found["vm.swappiness"].tolist() == [0, 0, 100, 100] and found["replicate"].tolist() == [0, 1, 0, 1]
    assert found["misses"].dtype == np.int64 and np.allclose(found["miss_ratio"], found["misses"] / 40000)
    assert [row["misses"] for row in runs] == found["misses"].tolist()
    one = mmrun.run(MAPPING, {"vm.swappiness": 100}, replicate=1)
    chosen = runs.where({"vm.swappiness": 100, "replicate": 1})
    assert chosen.axes == {"vm.swappiness": (100,)} and chosen.column("misses").tolist() == [one["misses"]]
    assert runs.to_arrow().num_rows == 4 and runs.where({"replicate": [0, 1]}).table.num_rows == 4
    with pytest.raises(KeyError, match="did you mean 'misses'"):
        runs.column("mises")
    with pytest.raises(KeyError, match=r"vm\.swappiness"):
        runs.where({"swappiness": 1})


def test_series_are_arrays(runs: mmrun.Runs):
    found = runs.where({"vm.swappiness": 0}).series("pgmajfault")
    assert [(each.axes, each.replicate) for each in found] == [({"vm.swappiness": 0}, 0), ({"vm.swappiness": 0}, 1)]
    assert found[0]["access"].tolist() == [10000, 20000, 30000, 40000] and set(found[0].columns) == {
        "access", "time_ns", "pgmajfault"}  # fmt: skip
    assert len(runs.series()) == 4
    with pytest.raises(KeyError, match="nothing_so was not sampled"):
        runs.series("nothing_so")


def test_results_are_loaded_again_and_a_second_sweep_runs_nothing(runs: mmrun.Runs, capfd: pytest.CaptureFixture[str]):
    before = (runs.directory / "runs.parquet").stat().st_mtime_ns
    again = mmrun.load(str(runs.directory))
    assert again.table == runs.table and again.axes == runs.axes
    assert mmrun.sweep(MAPPING, runs.directory, executor="local").table == runs.table
    assert (runs.directory / "runs.parquet").stat().st_mtime_ns == before, "left alone"
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""


def test_what_is_no_result_is_refused(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    with pytest.raises(mmrun.ResultsError, match=r"no runs\.parquet"):
        mmrun.load(tmp_path)
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "runs.parquet")
    with pytest.raises(mmrun.ResultsError, match="no results of a sweep"):
        mmrun.load(tmp_path)
    (tmp_path / "runs.parquet").write_bytes(b"no parquet")
    with pytest.raises(mmrun.ResultsError, match="no results of a sweep"):
        mmrun.load(tmp_path)
    (tmp_path / "runs.parquet").unlink()
    os.mkfifo(tmp_path / "runs.parquet")
    with pytest.raises(mmrun.ResultsError, match="a pipe"):
        mmrun.load(tmp_path)


def test_frames_need_pandas(runs: mmrun.Runs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"frame\(\) needs pandas, which is not installed"):
        runs.frame()


def test_frames_hold_what_was_asked_for(runs: mmrun.Runs):
    pandas = pytest.importorskip("pandas")
    frame = runs.frame("miss_ratio")
    assert isinstance(frame, pandas.DataFrame) and len(runs.frame()) == 4
    assert list(frame.columns) == ["vm.swappiness", "replicate", "status", "miss_ratio"]


def test_it_works_inside_an_event_loop_and_off_the_main_thread(tmp_path: Path):
    """As in a notebook's kernel: a loop is running, or the call comes from a thread that may handle no signal."""

    async def cell() -> mmrun.Runs:
        return mmrun.sweep({**MAPPING, "replicates": 1}, tmp_path / "loop", executor="local")

    assert len(asyncio.run(cell())) == 2
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(mmrun.sweep({**MAPPING, "replicates": 1}, tmp_path / "thread", executor="local"))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(found[0]) == 2


def test_the_caller_keeps_its_signal_handlers(tmp_path: Path):
    import signal

    def mine(number: int, frame: Any) -> None:
        """Handles nothing."""

    before = signal.signal(signal.SIGTERM, mine)
    try:
        mmrun.sweep({**MAPPING, "replicates": 1}, tmp_path, executor="local")
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_sweep_that_is_under_way_elsewhere_is_an_error(tmp_path: Path):
    from mmrun.runner.store.store import Store

    with Store(tmp_path).locked(), pytest.raises(mmrun.RunError, match="another sweep writes here"):
        mmrun.sweep(MAPPING, tmp_path, executor="local")


def test_processes_beside_it_do_not_run_the_script_again(tmp_path: Path):
    """A script without a guard: multiprocessing would have each process import it, and sweep again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nprint('script runs')\nfrom mmrun.runner.execute.spawned import deaf, without_main\n"
        "from multiprocessing import get_context\nfrom operator import neg\n"
        "with deaf(), without_main():\n"
        "    process = get_context('spawn').Process(target=neg, args=(1,))\n    process.start()\n"
        "process.join()\nprint(process.exitcode, sys.modules['__main__'].__file__ == __file__)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "script runs\n0 True\n"


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_the_examples_of_the_pages_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    *code, last = blocks(ROOT / page) if page == "docs/api.md" else [*blocks(ROOT / page), ""]
    names: dict[str, Any] = {}
    for block in code:
        exec(block, names)
    assert set(names["runs"].column("status")) == {"ok"} and names["result"]["outcome"] == "ok"
    if last:
        (tmp_path / "fifo.py").write_text(last)
        outside = {"policy": {"lru": {"variant": "fifo", "file": "fifo.py"}}, "sweep": None}
        assert mmrun.check(MAPPING | outside) == []


def blocks(page: Path) -> list[str]:
    """The Python examples of a page."""
    parts = page.read_text(encoding="utf-8").split("```python\n")[1:]
    return [textwrap.dedent(part.partition("```")[0]) for part in parts]


def test_a_checkout_finds_its_packages_without_being_installed():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from mmrun.model import mechanisms; print(mechanisms.__file__)"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert Path(ran.stdout.strip()) == ROOT / "model" / "mechanisms.py"
