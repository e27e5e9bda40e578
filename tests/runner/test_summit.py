"""The shipped factorials: their designs, that every factor acts on a reduced machine, and a golden table of effects."""

import csv
import io
import os
from pathlib import Path

import pytest

from mmrun.model import api
from mmrun.runner.plan.plan import make_plan
from mmrun.runner.plan.select import chosen, with_settings
from mmrun.runner.report.effects import measure
from mmrun.runner.report.effects_sheets import effects_csv, effects_sheet, surprises_sheet
from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report_block import Effects
from mmrun.runner.report.surprises import surprises
from mmrun.runner.report.sweep_facts import SweepFacts
from mmrun.runner.report.table_latex import to_latex
from mmrun.runner.report.table_text import to_markdown
from mmrun.runner.report.words import Words

CONFIGS = Path(__file__).parents[2] / "configs"
GOLDEN = Path(__file__).parent / "golden_report"
SUMMIT, TODAY = CONFIGS / "summit2011.yaml", CONFIGS / "today.yaml"
SMALL = [
    "duration=250ms", "machine.nodes=[{cpus: 6, memory: 32MiB}, {cpus: 6, memory: 32MiB}]", "vm.min_free_kbytes=512",
    "machine.cma.video.size=8MiB", "cgroups.logs.max=28MiB", "tasks.kv.stream.size=44MiB",
    "tasks.web.stream.size=12MiB", "tasks.walk.stream.objects=15000", "tasks.camera.stream.frame=1MiB",
    "tasks.camera.stream.buffers=4", "tasks.camera.stream.first=100ms", "tasks.greedy.stream.connections=16",
    "tasks.unread.stream.connections=16", "machine.devices.old.dma_mask_bits=25",
]  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    return make_plan(SUMMIT)


@pytest.mark.parametrize(("config", "runs", "resolution", "factors"), [(SUMMIT, 128, "VI", 9), (TODAY, 64, "VII", 7)])
def test_designs(config, runs, resolution, factors):
    plan = make_plan(config)
    design = plan.facts.factorial
    assert design and (design.runs, design.resolution, len(design.factors)) == (runs, resolution, factors)
    assert len(plan.cells) == runs * 4 and len({cell.key for cell in plan.cells}) == runs * 4
    assert {level for cell in plan.cells[:4] for level in cell.axes.values()} <= {"without", "off"}


def small(plan, run):
    """The factors that are in, and the metrics, of a run of the design: an eighth of the machine, a quarter second."""
    cell = chosen(plan, [plan.cells[4 * run].key])[0]
    factors = {factor for factor, level in cell.axes.items() if level == "with"}
    return factors, api.simulate(with_settings(plan, cell, SMALL)).metrics


def test_every_factor_acts_on_a_reduced_machine(plan):
    none, baseline = small(plan, 0)
    assert not none and baseline["outcome"] == "ok" and baseline["dirtier_written"] > 0
    seen = set()
    for run in (1, 2, 4, 8, 16, 32, 64):  # in each one basic factor is in, with those that are its products
        factors, found = small(plan, run)
        seen |= factors
        assert found["outcome"] == "ok"
        assert (found["page_cgroup_pages"] < baseline["page_cgroup_pages"]) == ("unified_lru" in factors)
        assert (found["dirtier_written"] == 0) == ("ioless" in factors)
        assert (found["iotlb_misses"] < baseline["iotlb_misses"] / 2) == ("device_dma" in factors)
        assert (found.get("contig_mean_ns") != baseline["contig_mean_ns"]) == ("cma" in factors)
        assert ("cgroup.greedy.sock" in found) == ("tcp_limit" in factors)
    assert len(seen) == 9


def test_what_takes_more_time_or_pressure_to_act_is_in_the_cells(plan):
    design = {tuple(cell.axes.values()): cell.cell.policy for cell in plan.cells}
    for labels, policy in design.items():
        on = dict(zip(plan.facts.factorial.factors, labels, strict=True))
        assert policy["swap_reserves"].variant == {"without": "none", "with": "nbd-nfs"}[on["reserves"]]
        assert policy["shrinker"].variant == {"without": "batched-clamped", "with": "count-scan"}[on["count_scan"]]
        writes = {"without": "any-reclaimer", "with": "kswapd-only"}[on["no_writeback"]]
        assert policy["reclaim_writeback"].variant == writes
        assert policy["idle"].variant == {"without": "none", "with": "kstaled"}[on["kstaled"]]


def table(plan, form):
    """The effects that known numbers have on the design of the summit, in a form of a report's table."""
    design = plan.facts.factorial
    measured = measure(Effects(name="summit", metrics="nr_dirtied"), known(plan))
    words = Words({"unified_lru": "unified LRU"}, tuple(design.factors))
    if form == "csv":
        return effects_csv(measured)
    sheets = effects_sheet(measured, words), surprises_sheet(measured, surprises(measured), words)
    return "\n".join(map({"md": to_markdown, "tex": to_latex}[form], sheets))


def known(plan):
    """Runs of the design in which one factor helps, one hurts unless another is there; replicates differ a little."""
    rows = []
    for i, cell in enumerate(plan.cells):
        x = {factor: label == "with" for factor, label in cell.axes.items()}
        factor = (1.2 if x["ioless"] else 1) * (0.5 if x["unified_lru"] and not x["no_writeback"] else 1)
        noise = 1 + 0.002 * ((i * 7919) % 13 - 6) + 0.01 * cell.replicate
        told = {"nr_dirtied": 100_000 * factor * noise, "status": "ok", "outcome": "ok", "random": True}
        rows.append({**cell.axes, "replicate": cell.replicate, **told})
    return Runs(plan.facts.factorial.levels, rows, SweepFacts(factorial=plan.facts.factorial))


@pytest.mark.parametrize("form", ["csv", "md", "tex"])
def test_golden(plan, form):
    path, made = GOLDEN / f"effects.{form}", table(plan, form)
    if os.environ.get("MMRUN_UPDATE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    if form != "csv":
        assert made == expected
        return
    for got, want in zip(csv.reader(io.StringIO(made)), csv.reader(io.StringIO(expected)), strict=True):
        for a, b in zip(got, want, strict=True):  # the last digits are numpy's business
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-6, abs=1e-12)
