"""Sensitivity: the two methods against functions whose answer is known, and the command on a real experiment."""

import csv

import numpy as np
import pytest

from mmrun.model import api
from mmrun.runner.cli import main
from mmrun.runner.sense.design import read_design
from mmrun.runner.sense.morris import influences, trajectories
from mmrun.runner.sense.sobol import points, shares

CONFIG = """\
experiment: small
kernel: "6.18"
machine: {base: arm-1g, nodes: [{cpus: 1, memory: 16MiB}], swap: {z: {kind: zram, size: 32MiB}}}
tasks:
  t: {stream: {kind: zipf, size: 20MiB, accesses: 5000}}
replicates: 2
sweep: {product: {era: {old: {kernel: "3.1"}, new: {kernel: "6.18"}}, vm.page_cluster: [0, 3]}}
sense:
  metric: {metric: task.t.elapsed_ns, of: {era: new}, over: {era: old}}
  cell: {vm.page_cluster: 3}
  parameters:
    vm.swappiness: {low: 59, high: 61}
    tasks.t.think: {low: 1us, high: 64us, scale: log}
  morris: {trajectories: 2}
  sobol: {samples: 2, of: 1}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


def ishigami(cube):
    """Of Ishigami and Homma, a = 7, b = 0.1, over the unit cube."""
    x, y, z = np.moveaxis(cube * 2 * np.pi - np.pi, -1, 0)
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def test_effects_of_a_linear_function_are_its_coefficients():
    paths = trajectories(6, 4, 3, seed=1)
    assert paths.shape == (6, 4, 3) and set(np.round(paths * 3).ravel()) == {0, 1, 2, 3}
    assert (np.count_nonzero(np.diff(paths, axis=1), axis=2) == 1).all()
    assert (np.count_nonzero(np.diff(paths, axis=1), axis=1) == 1).all()
    for found, wanted in zip(influences(paths, paths @ np.array([1.0, -2.0, 0.0])), (1, -2, 0), strict=True):
        assert (found.mu, found.mu_star, found.sigma) == pytest.approx((wanted, abs(wanted), 0), abs=1e-12)


def test_effects_take_steps_as_rounding_has_made_them():
    paths = np.array([[[0.0, 0.0], [0.5, 0.0], [0.5, 1.0]], [[1.0, 1.0], [1.0, 0.5], [0.0, 0.5]]])
    first, second = influences(paths, paths[..., 0] * 4 + paths[..., 1] ** 2)
    assert (first.mu, first.sigma) == (4, 0) and second.mu == pytest.approx((1 + 1.5) / 2)


def test_effects_of_the_ishigami_function():
    paths = trajectories(4000, 4, 3, seed=3)
    x, y, z = influences(paths, ishigami(paths))
    # On four levels sin^2 is 0 at both ends and 3/4 between them: steps of 2/3 change it by 3/4 either way.
    assert (y.mu_star, y.sigma) == pytest.approx((7 * 0.75 * 1.5, 7 * 0.75 * 1.5), rel=1e-3)
    assert z.mu == pytest.approx(0, abs=0.4) and z.sigma > z.mu_star > 0
    half = np.sin(np.pi / 3) * 1.5  # of the first: half the effect's size without z, as often up as down
    assert x.mu_star == pytest.approx(half * (1 + 0.1 * np.pi**4 * (1 + 3**-4) / 2), rel=0.05)


def test_indices_of_the_ishigami_function():
    cube = points(2048, 3, seed=1)
    assert cube.shape == (5, 2048, 3)
    first, total = (0.3139, 0.4424, 0), (0.5576, 0.4424, 0.2437)
    for found, alone, whole in zip(shares(ishigami(cube), seed=1), first, total, strict=True):
        assert (found.first, found.total) == pytest.approx((alone, whole), abs=0.02)
        assert found.first_interval[0] < alone < found.first_interval[1]
        assert found.total_interval[0] < whole < found.total_interval[1]


def test_indices_where_nothing_varies_are_none():
    assert all(np.isnan([found.first, found.total]).all() for found in shares(np.ones((4, 8)), seed=1))


def sense(config, tmp_path):
    return main(["sense", str(config), "--out", str(tmp_path / "out"), "--executor", "local"])


def test_the_whole_on_a_real_experiment(config, tmp_path, capsys):
    assert sense(config, tmp_path) == 0
    told = capsys.readouterr()
    assert "task.t.elapsed_ns of {era: new} over {era: old}" in told.out and "sign" in told.out
    assert (tmp_path / "out" / "sense.md").read_text() == told.out
    with open(tmp_path / "out" / "sense.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["parameter"] for row in rows] == ["tasks.t.think", "vm.swappiness"]
    assert [bool(row["total_order"]) for row in rows] == [True, False] and float(rows[0]["mu_star"]) > 0
    next((tmp_path / "out" / "cells").glob("*/*.cell")).unlink()
    assert sense(config, tmp_path) == 0
    again = capsys.readouterr()
    assert again.out == told.out and "1/1 cells" in again.err


def test_points_share_replicates_and_whole_numbers_stay_whole(config):
    design = read_design(config)
    names, at = design.add(["vm.swappiness", "tasks.t.think"], np.array([[0.4, 0.5], [0.6, 0.5], [1.0, 0.0]]))
    assert names == [("60", "8us"), ("60", "8us"), ("61", "1us")]
    assert at.tolist() == [[0.5, 0.5], [0.5, 0.5], [1, 0]]
    cells = design.plan(None).cells
    assert len(cells) == 2 * 2 * 2 and {cell.replicate for cell in cells} == {0, 1}
    assert {cell.cell.vm.swappiness for cell in cells} == {60, 61} and {
        cell.cell.vm.page_cluster for cell in cells
    } == {3}
    assert {(cell.axes["side"], cell.cell.kernel) for cell in cells} == {("of", "6.18"), ("over", "3.1")}


def test_an_incomplete_design_gives_no_indices(config, tmp_path, capsys, monkeypatch):
    simulate, calls = api.simulate, []

    def third_fails(*given, **more):
        calls.append(given)
        if len(calls) == 3:
            raise RuntimeError("lightning")
        return simulate(*given, **more)

    monkeypatch.setattr(api, "simulate", third_fails)
    assert sense(config, tmp_path) == 1
    told = capsys.readouterr()
    assert not told.out and "1 cells have no number" in told.err and "lightning" in told.err and "side=" in told.err
    assert not (tmp_path / "out" / "sense.md").exists()


@pytest.mark.parametrize(
    "old, new, place, says",
    [
        ("high: 61", "high: 300", "12:20", "swappiness"),
        ("low: 59", "low: 62", "12:36", "`high` (61) is not above `low` (62)"),
        ("low: 59, ", "", "12:20", "a range has `low` and `high`"),
        ("low: 1us", "low: 0us", "13:26", "a logarithmic range starts above 0"),
        ("tasks.t.think:", "tasks.q.think:", "13", "q"),
        ("vm.swappiness:", "wm.swappiness:", "12:5", "is not a path into a cell"),
        ("metric: task.t", "metric: task.u", "9:20", "u"),
        ("of: {era: new}", "of: {era: old}", "9", "`of` and `over` are the same"),
        ("  cell: {vm.page_cluster: 3}\n", "", "9", "name the level of vm.page_cluster under `cell`"),
        ("cell: {vm.page_cluster: 3}", "cell: {vm.page_cluster: 4}", "9", "0 rows of the sweep"),
        ("samples: 2", "samples: 12", "15:20", "a power of two: 8 or 16"),
        ("trajectories: 2", "trajectories: 2, levels: 5", "14", "an even number"),
        ("morris:", "moris:", "14:3", "did you mean `morris`?"),
    ],
)  # fmt: skip
def test_errors_of_the_block(config, capsys, old, new, place, says):
    assert old in CONFIG
    config.write_text(CONFIG.replace(old, new))
    for command in ("sense", "check"):
        assert main([command, str(config)]) == 2
        told = capsys.readouterr().err
        assert f"{config}:{place}" in told and says in told, told


def test_a_file_without_the_block(config, capsys):
    config.write_text(CONFIG.partition("sense:")[0])
    assert main(["sense", str(config)]) == 2 and "`sense` is required" in capsys.readouterr().err
    assert main(["check", str(config)]) == 0
