"""Sweeps whose surroundings die: one sentence, the same results, no cell blamed.

All faults, under the real model and the command line: `python -m tests.faults`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmrun.model.core import kept
from mmrun.model.library import place
from mmrun.runner.cli import main
from mmrun.runner.execute import ray_address, ray_nodes, ray_pool
from mmrun.runner.execute.batches import SPARED, Queue
from mmrun.runner.execute.execute import Options, run_sweep
from mmrun.runner.execute.ray_cluster import whole_package
from mmrun.runner.execute.ray_messages import Dead, Ended, Stranded
from mmrun.runner.execute.ray_pool import RayPool, Task
from mmrun.runner.execute.work import make_jobs
from mmrun.runner.store.store import Store
from tests.faults.sweeps import STACKS, command_of, two_nodes, write_config
from tests.runner import execute_fake as fake
from tests.runner.test_execute_ray import API, CELLS, Sweep, ended, expected, ray_worker_of, session, tables

pytestmark = pytest.mark.timeout(400)
on_ray = pytest.mark.ray
assert expected  # a fixture
WITHOUT = {"beside": 0.5}  # seconds of a cell: Ray fails three times before all is done, also beside other work


def member(process: subprocess.Popen, pattern: str) -> int:
    """The process of the sweep whose command line matches."""
    (found,) = [pid for pid in session(process) if re.search(pattern, command_of(pid))]
    return found


def raylet(process: subprocess.Popen) -> None:
    os.kill(member(process, "raylet/raylet"), signal.SIGKILL)


def gcs(process: subprocess.Popen) -> None:
    os.kill(member(process, "gcs_server"), signal.SIGKILL)


def directory(process: subprocess.Popen) -> None:
    found = re.search(r"(/\S*mmrun-ray-[^/ ]+)", command_of(member(process, "raylet/raylet")))
    assert found is not None
    shutil.rmtree(found[1], ignore_errors=True)


@on_ray
@pytest.mark.parametrize(
    "kill", [raylet, pytest.param(gcs, marks=pytest.mark.slow), pytest.param(directory, marks=pytest.mark.slow)]
)
def test_a_dead_ray_is_replaced(kill, tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    kill(process)
    assert sweep.finish(process) == CELLS
    assert tables(sweep.out) == expected
    said = sweep.said()
    assert said.count("starting Ray again") == 1 and not STACKS.search(said)
    ended(process)


@on_ray
def test_without_any_ray_the_rest_runs_beside_the_driver(tmp_path, expected, monkeypatch):
    """Ray cannot start: its package is broken."""
    (tmp_path / "broken" / "ray").mkdir(parents=True)
    (tmp_path / "broken" / "ray" / "__init__.py").write_text("raise ImportError('this Ray is broken')\n")
    sweep = Sweep(tmp_path, WITHOUT, workers=2)
    monkeypatch.setattr("tests.runner.test_execute_ray.ROOT", f"{tmp_path / 'broken'}:{Path(__file__).parents[2]}")
    process = sweep.start()
    assert sweep.finish(process) == CELLS
    said = sweep.said()
    assert tables(sweep.out) == expected
    assert said.count("ImportError: this Ray is broken") == 3 and said.count("without Ray, in 2 processes") == 1


@on_ray
def test_sigterm_to_all_of_it_shows_no_stacks(tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not STACKS.search(sweep.said())
    ended(process)
    kept_cells = sweep.stored()
    assert sweep.resume() == CELLS - kept_cells
    assert tables(sweep.out) == expected


@on_ray
@pytest.mark.slow
def test_a_node_that_cannot_import_is_named_and_left_out(tmp_path, expected):
    broken = tmp_path / "broken" / "zstandard"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('this package is broken')\n")
    path = f"{broken.parent}:{Path(__file__).parents[2]}"
    with two_nodes({"PYTHONPATH": path}) as (address, _, _):
        sweep = Sweep(tmp_path, address=address)
        assert sweep.finish(sweep.start()) == CELLS
    said = sweep.said()
    assert tables(sweep.out) == expected
    assert len(re.findall(r"node \S+ \(\w+\) is left out, it cannot run cells: .*this package is broken", said)) == 1
    assert sweep.again() == 0


@on_ray
@pytest.mark.slow
def test_a_cluster_that_dies_ends_the_sweep_in_words(tmp_path, expected):
    with two_nodes() as (address, _, cluster):
        sweep = Sweep(tmp_path, address=address)
        process = sweep.start()
        ray_worker_of(sweep)
        os.killpg(cluster.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == 1 and f"no Ray cluster at {address}" in sweep.said()
    kept_cells = sweep.stored()
    assert 0 < kept_cells < CELLS
    del sweep.options["address"]
    assert sweep.resume() == CELLS - kept_cells
    assert tables(sweep.out) == expected


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no Ray cluster at 127.0.0.1:1 (from RAY_ADDRESS): Connection refused"),
        ("nosuchhost.invalid:1", "no Ray cluster at nosuchhost.invalid:1 (from RAY_ADDRESS): "),
        ("somewhere", "somewhere (from RAY_ADDRESS): not an address of a Ray cluster; give host:port"),
    ],
)
def test_an_address_that_nobody_answers_is_told(address, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", address)
    config = str(write_config(tmp_path, 1))
    assert main(["sweep", config, "--out", str(tmp_path / "out")]) == 3
    assert words in capsys.readouterr().err
    monkeypatch.delenv("RAY_ADDRESS")
    assert main(["sweep", config, "--out", str(tmp_path / "out"), "--address", address]) == 3
    assert words.replace(" (from RAY_ADDRESS)", "") in capsys.readouterr().err


def test_silence_is_no_answer(monkeypatch):
    monkeypatch.setattr(ray_address, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(ray_address, "answers", lambda address: signal.pause())
    with pytest.raises(ray_address.Unreachable, match=r"no answer within .* leave out --address"):
        ray_address.reach("somewhere:6379")


def test_an_environments_death_is_no_attempt():
    plan = fake.grid(3, 1)
    queue = Queue(make_jobs(plan.cells, API, lambda cell: ""))
    first = [job.key for job in queue.pending]
    for _ in range(SPARED):
        assert queue.lost(queue.take_one(), set(), "Ray has died", counted=False) == []
    assert [job.key for job in queue.pending] == first and not queue.suspects and not queue.losses
    assert queue.lost(queue.take_one(), set(), "Ray has died", counted=False) == []  # once too often
    for _ in range(2):
        assert queue.lost(queue.take_one(), set(), "killed") == []
    (given_up,) = queue.lost(queue.take_one(), set(), "killed")
    assert given_up.status == "failed" and "gave up after 4 attempts: killed" in given_up.error


@on_ray
def test_a_batch_that_no_node_would_take_is_given_back(monkeypatch):
    pool, cancelled = RayPool(API, [], str), []
    monkeypatch.setattr(pool.ray, "cancel", cancelled.append)
    pool.nodes.alive = {name: {"Resources": {"memory": size}} for name, size in (("small", 8), ("large", 16))}
    pool.nodes.good = {"small", "large"}
    pool.live = {
        "big": Task(0, 16, frozenset()), "barred": Task(1, 8, frozenset({"small"})), "any": Task(2, 8, frozenset()),
        "begun": Task(3, 16, frozenset(), node="large"), "there": Task(4, 8, frozenset(), node="small"),
    }  # fmt: skip
    pool.nodes.there = dict.fromkeys(pool.nodes.alive, time.monotonic())
    assert not [*pool.stranded()]
    del pool.nodes.alive["large"]
    assert [*pool.stranded()] == [Stranded(0), Stranded(1)] and cancelled == ["big", "barred"]
    pool.nodes.doubt()
    assert [*pool.stranded()] == [Stranded(2)] and [*pool.live] == ["begun", "there"]
    pool.nodes.there["large"] -= ray_pool.PARTING_SECONDS + 1
    assert [*pool.stranded()] == [Ended(3, "the node has died", counted=False)] and [*pool.live] == ["there"]
    plan = fake.grid(3, 1)
    queue = Queue(make_jobs(plan.cells, API, lambda cell: ""))
    first = [job.key for job in queue.pending]
    queue.put_back(queue.take_one())
    assert [job.key for job in queue.pending] == first and not queue.spared and not queue.losses


@on_ray
def test_a_cluster_without_a_node_is_waited_for_but_not_for_ever(monkeypatch):
    nodes = RayPool(API, [], str).nodes
    monkeypatch.setattr(nodes.ray, "nodes", list)
    assert not [*nodes.look()]
    nodes.seen = {"one that was there"}
    assert not [*nodes.look()]
    nodes.inhabited -= ray_nodes.RETURN_SECONDS + 1
    assert [*nodes.look()] == [Dead("the cluster has had no node with a CPU for 300 s")]


@pytest.mark.parametrize("most", [1, 3])
def test_failures_stop_a_sweep_that_asks_for_it(most, tmp_path, capsys):
    cells = [fake.planned(x, **({"fail": f"number {x}"} if x % 2 else {})) for x in range(20)]
    options = Options(executor="local", api=API, max_failures=most)
    result = run_sweep(fake.make_plan(cells), tmp_path, options, print)
    assert result.stopped and result.ran == 2 * most
    assert result.counts == {"done": most, "failed": most, "new": 20 - 2 * most}
    said = f"stopped after {most} failed, {20 - 2 * most} not run; the last: ValueError: number {2 * most - 1}"
    assert said in capsys.readouterr().err
    assert run_sweep(fake.make_plan(cells), tmp_path, Options(executor="local", api=API), print).counts["done"] == 10
    assert sum(record.status == "failed" for record in Store(tmp_path).records()) == 10


def test_a_shipped_copy_of_the_code_finds_the_kernels_of_this_one(tmp_path):
    """Of a joined cluster's node on the same machine, or on a disk that machines share."""
    whole_package(tmp_path)
    code = "from mmrun.model.library import main; print(main.__file__, main.main_path())"
    where = []
    for root in (Path(__file__).parents[2], tmp_path):
        environment = os.environ | {"PYTHONPATH": str(root)}
        run = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"]
        where.append(subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout.split())
    assert where[0][1] == where[1][1] and where[1][0].startswith(str(tmp_path)) and where[0][0] != where[1][0]


@pytest.mark.parametrize("command", [["run"], ["sweep", "--executor", "local"], ["sweep"], ["doctor", "--no-ray"]])
def test_a_cache_that_others_can_write_is_refused_by_every_command(command, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    kept.make(place.objects())
    (tmp_path / "kernels").chmod(0o777)
    verb, *options = command
    config = [] if verb == "doctor" else [str(write_config(tmp_path, 1))]
    words = [verb, *config, *options, *(["--out", str(tmp_path / "out")] if verb == "sweep" else [])]
    done = subprocess.run([sys.executable, "-m", "mmrun.runner.cli", *words], capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    assert f"others can write the kernel cache {tmp_path / 'kernels'}" in said and "chmod go-w" in said
    assert "Traceback" not in said and not list((tmp_path / "out").glob("cells/*/*"))
