"""Versions, dated lines, what they come to; every version builds and runs."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mmrun.model import eras, registry
from mmrun.model.core.timeline import ABSENT, VERSIONS, Line, always, axis, before, flag, gone, since, sysctl
from mmrun.model.description import Cgroup, Disk, Region
from mmrun.model.eras import GAPS, LINES, MEASURED, READ, era, names, why_not
from mmrun.model.sources.param_rules import refusals
from mmrun.model.units import PAGE, MiB
from mmrun.model.warmup import cells
from tests.fidelity import recorded as fidelity
from tests.fidelity.generations import replays
from tests.fidelity.recorded import cases
from tests.model.cells import ANON, ZRAM, given, machine, one, run, writes
from tests.model.golden_cells import plain


def key(line: Line) -> str:
    return f"{line.kind} {line.of or ''}{line.name}{line.option}"


def test_the_versions_are_all_releases_in_order():
    numbers = [tuple(map(int, version.split("."))) for version in VERSIONS]
    assert numbers == sorted(set(numbers)) and len(numbers) == 8 + 20 + 21 + 20 + 19
    assert [VERSIONS[place] for place in (0, 8, 28, 49, -1)] == ["2.6.32", "3.0", "4.0", "5.0", "6.18"]
    assert before("2.6.39", "3.0") and before("3.9", "3.10") and not before("5.0", "4.20") and not before("4.4", "4.4")


def test_a_line_holds_from_a_step_to_the_next():
    line = axis("a", since("3.2", "x", "s"), since("3.9", "y", "s"), since("4.0", "z", "s"))
    held = {version: line.at(version) for version in ("2.6.32", "3.1", "3.2", "3.8", "3.9", "3.19", "4.0", "6.18")}
    assert list(held.values()) == [ABSENT, ABSENT, "x", "x", "y", "y", "z", "z"]
    for wrong in ((since("3.9", 1, "s"), since("3.2", 2, "s")), (since("3.2", 1, "s"), since("3.2", 2, "s")), ()):
        with pytest.raises(ValueError, match="order of versions"):
            axis("a", *wrong)
    with pytest.raises(KeyError):
        axis("a", since("2.5", 1, "s"))


def test_a_flag_holds_since_one_version_and_before_another():
    both = flag("f", "it does", "s", since="3.2", until="3.4")
    assert [both.at(version) for version in ("3.1", "3.2", "3.3", "3.4")] == [False, True, True, False]
    old = flag("f", "it does", "s", until="3.4")
    assert [old.at(version) for version in ("2.6.32", "3.3", "3.4")] == [True, True, False]


def test_a_setting_that_is_missing_says_why():
    line = sysctl("s", since("3.2", 1, "s"), gone("4.0", "nobody used it"))
    assert [line.at(version) for version in ("3.1", "3.19", "4.0")] == [ABSENT, 1, ABSENT]
    assert (line.why_absent("3.1"), line.why_absent("4.0")) == ("it came with 3.2", "nobody used it")
    assert sysctl("t", always(3, "s")).at("2.6.32") == 3


@pytest.mark.parametrize("line", LINES, ids=key)
def test_every_dated_thing_is_a_step_function_with_a_source_for_each_step(line):
    """Going through the versions, what holds changes exactly where the line says, and each step changes something."""
    values = [line.at(version) for version in VERSIONS]
    turns = {later for earlier, later in pairwise(range(len(values)))
             if values[earlier] != values[later] or type(values[earlier]) is not type(values[later])}  # fmt: skip
    stated = {VERSIONS.index(step.since) for step in line.steps}
    assert turns == stated - {0}
    assert all(step.source for step in line.steps if step.value is not False)
    assert any(step.source for step in line.steps)
    assert all(len(step.unsure.split()) >= 2 for step in line.steps if step.unsure)


def test_a_thing_is_written_once():
    found = [(line.kind, line.name, line.of, line.option) for line in LINES]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("line", [line for line in LINES if line.kind in ("axis", "param")], ids=key)
def test_lines_name_variants_and_parameters_that_exist(line):
    if line.kind == "axis":
        assert {step.value for step in line.steps} <= set(registry.variants(line.name))
        return
    chosen, _, variant = line.of.partition("/")
    info = registry.variant_info(chosen, variant)
    for step in line.steps:
        assert not refusals(info.params, (), {line.name: step.value})
    assert any(era(name).policy[chosen] == variant for name in names()), "some version has the variant"
    starts = {name.partition("+")[0] for name in names() if era(name).policy[chosen] == variant}
    held = {line.at(version) for version in starts} or {line.steps[-1].value}
    assert {step.value for step in line.steps} <= held | {line.steps[0].value}, "every step shows in some version"


@pytest.mark.parametrize("name", names())
def test_every_version_resolves(name):
    """With a variant on every axis that its own scope and needs allow, and nothing left open that has a default."""
    cell = registry.resolve(plain(name))
    assert list(cell.policy) == list(registry.axes())
    kernel = era(name)
    assert not set(kernel.sysctl) & set(kernel.missing)
    assert {key for key, value in vars(cell.vm).items() if value is not None} == {
        key for key, value in kernel.sysctl.items() if value is not None
    }
    assert all(kernel.ranges[key][0] <= value <= kernel.ranges[key][1]
               for key, value in kernel.sysctl.items() if value is not None and key in kernel.ranges)  # fmt: skip
    assert registry.resolve(cell) == cell


NAMED = {"axis": "{}", "flag": "{}", "sysctl": "vm.{}", "range": "range of vm.{}", "group": "cgroups.{}",
         "mode": "mempolicy {}"}  # fmt: skip


def test_versions_next_to_each_other_differ_by_what_has_a_date_only():
    for older, newer in pairwise(VERSIONS):
        dated = {NAMED[line.kind].format(line.name) for line in LINES if line.kind in NAMED and not line.option
                 and any(step.since == newer for step in line.steps)}  # fmt: skip
        assert {name for name in eras.changes(older, newer) if "/" not in name} == dated, (older, newer)


def test_what_changed_on_the_way_is_told_even_if_it_changed_back():
    assert "shrinker/priority-min.floor" in eras.changes("4.18", "5.1") and eras.changes("5.1", "5.1") == ()
    with_generations = eras.changes("6.10+mglru", "6.18+mglru")
    assert {"lru/mglru.two_touch", "reclaim_writeback", "stocks"} <= set(with_generations)
    assert not {"memcg", "lru/cost-balanced.fold_in_reclaim"} & set(with_generations), "with generations neither counts"


@pytest.mark.parametrize(
    ("attribute", "name", "last_old", "first_new", "old", "new"),
    [
        ("flags", "shares_overcommitted", "5.6", "5.7", False, True),
        ("flags", "mapped_counts_twice", "5.3", "5.4", True, False),
        ("flags", "lruvec_lock", "5.10", "5.11", False, True),
        ("flags", "charge_batch", "6.0", "6.1", 32, 64),
        ("flags", "stocks", "6.15", "6.16", 1, 7),
        ("ranges", "watermark_scale_factor", "5.16", "5.17", (1, 1000), (1, 3000)),
        ("flags", "charge_retries", "5.8", "5.9", 5, 16),
        ("flags", "counts_unstable", "5.7", "5.8", True, False),
        ("flags", "plug_requests", "5.15", "5.16", 16, 32),
        ("policy", "reclaim_throttle", "2.6.36", "2.6.37", "congestion-wait", "wait-iff-congested"),
        ("policy", "zonelist", "5.15", "5.16", "by-load", "round-robin"),
        ("policy", "pcp", "6.8", "6.9", "batch-15-tuned", "batch-63"),
        ("policy", "pcp", "6.6", "6.7", "batch-15", "batch-15-tuned"),
        ("ranges", "swappiness", "5.7", "5.8", (0, 100), (0, 200)),
        ("sysctl", "zone_reclaim_mode", "3.15", "3.16", None, 0),
    ],
)
def test_dates_that_no_listed_kernel_shows(attribute, name, last_old, first_new, old, new):
    assert getattr(era(last_old), attribute)[name] == old and getattr(era(first_new), attribute)[name] == new


@pytest.mark.parametrize(
    ("axis_", "name", "last_old", "first_new", "old", "new"),
    [
        ("kswapd", "in_shares", "3.10", "3.11", False, True),
        ("memcg", "page_cgroup_bytes", "2.6.38", "2.6.39", 40, 32),
        ("memcg", "page_cgroup_bytes", "3.18", "3.19", 16, 0),
        ("shrinker", "floor", "4.18", "4.19", False, True),
        ("shrinker", "floor", "4.20", "5.0", True, False),
        ("lru", "stop_at_zero", "3.15", "3.16", False, True),
        ("lru", "fold_in_reclaim", "6.11", "6.12", True, False),
        ("lru", "two_touch", "6.13+mglru", "6.14+mglru", False, True),
        ("lru", "go_by_priority", "6.16+mglru", "6.17+mglru", False, True),
        ("lru", "walk_small", "6.7+mglru", "6.8+mglru", False, True),
        ("lru", "queued_off_lru", "6.10+mglru", "6.11+mglru", False, True),
        ("lru", "queued_off_lru", "6.16+mglru", "6.17+mglru", True, False),
    ],
)
def test_dates_of_parameters(axis_, name, last_old, first_new, old, new):
    chosen = [registry.resolve(plain(kernel)).policy[axis_].params[name] for kernel in (last_old, first_new)]
    assert chosen == [old, new]


def test_generations_are_an_option_since_6_1():
    assert [name for name in names() if "+" in name] == [f"6.{minor}+mglru" for minor in range(1, 19)]
    assert era("6.2+mglru").policy["memcg"] == "full-walk" and era("6.3+mglru").policy["memcg"] == "memcg-lru"
    assert era("6.3").policy["lru"] == "cost-balanced"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("6.19", "newer than 6.18"), ("7.0", "newer than 6.18"), ("2.4", "older than 2.6.32"), ("2.6.31", "older than"),
        ("2.6", "'2.6.32'|\"2.6.32\" to"), ("2.6.40", "2.6.39 was followed by 3.0"),
        ("3.20", "3.19 was followed by 4.0"),
        ("4.4.1", 'write "4.4"'), ("2.6.32.71", 'write "2.6.32"'), ("5.10-rc1", 'write "5.10"'),
        ("v5.10", 'write "5.10"'),
        ("6.188", "did you mean '6.18'"), ("new", "not a version"), ("", "not a version"), ("6.18+", "no build option"),
        ("6.18+x", "known: mglru"), ("6.0+mglru", "since 6.1"), ("6.1+mglru+mglru", "no build option"),
    ],
)  # fmt: skip
def test_what_is_no_version_is_refused_in_words(name, words):
    assert why_not(name)
    with pytest.raises(ValueError, match=words):
        era(name)


def test_what_is_said_of_validation_is_so():
    """Recordings that the tests compare are of the kernels that are called measured; of some no more is claimed."""
    replayed = {case.kernel for case in cases()} | {case.era for case in replays()}
    assert replayed == {name for name, how in MEASURED.items() if "recorded" in how}
    texts = [path.read_text(encoding="utf-8") for path in Path(fidelity.__file__ or "").parent.glob("*.py")]
    simulated = {found for text in texts for found in re.findall(r'kernel(?:: str)? ?= ?"(\d[^"]*)"', text)}
    assert simulated | replayed == set(MEASURED)
    assert set(MEASURED) - set(READ) == {"3.6", "6.12", "6.14", "6.14+mglru", "6.17", "6.17+mglru"} <= set(names())
    assert eras.neighbours("4.4", READ) == ("3.15", "4.19") and eras.neighbours("4.4", MEASURED) == ("3.6", "4.19")
    assert eras.neighbours("2.6.32", READ) == (None, "3.0") and eras.neighbours("6.2+mglru", READ)[0] == "6.1+mglru"
    assert all((each.text and before(each.first, each.last)) or each.first == each.last for each in GAPS)


def test_a_gap_is_told_of_the_versions_it_covers():
    told = "protection is in proportion"
    assert [any(told in text for text in era(name).told) for name in ("5.3", "5.4", "5.5")] == [False, True, False]


def test_a_few_versions_have_every_variant_of_all():
    wanted = {choice for name in names() for choice in era(name).policy.items()}
    assert {choice for name, _ in cells() for choice in era(name).policy.items()} == wanted


@pytest.mark.parametrize("name", names())
def test_every_version_runs(name):
    """Anonymous memory and a file, both beyond a group's limit, on two zones: everything adds up at the end."""
    swapping, reading = given(ANON, cgroup="g"), given(Region(kind="file", disk="d"), cgroup="g")
    cell = replace(
        one(name, machine(32, cpus=2, swap=ZRAM, disks={"d": Disk()}), cgroups={"g": Cgroup(max=8 * MiB)}),
        tasks={"swapping": swapping, "reading": reading},
    )
    events = writes(range(10 * MiB // PAGE))
    found = run(cell, {"swapping": events, "reading": events}).metrics
    assert found["pgfault"] >= 10 * MiB // PAGE and found["pswpout"] > 0 and found["pgscan_direct"] > 0
