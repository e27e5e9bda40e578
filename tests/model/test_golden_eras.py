"""The kernels that were listed by name resolve to what they did, but where a date was wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from mmrun.model.core.timeline import VERSIONS, before
from mmrun.model.eras import era
from tests.model.golden_cells import KERNELS, LATER, observed

GOLDEN = json.loads((Path(__file__).parent / "golden" / "eras.json").read_text(encoding="utf-8"))
BY_LOAD = "the load of equally distant nodes accumulates since 5.16 (54d032ced983), not since 4.19"
HIGH_6 = "a CPU's list holds six batches to 5.13, not what the low watermark leaves to each"
WRONG: dict[tuple[str, str, str], tuple[Any, Any, str]] = {
    ("4.19", "cell", "zonelist"): ("round-robin", "by-load", BY_LOAD),
    ("5.8", "cell", "zonelist"): ("round-robin", "by-load", BY_LOAD),
    ("5.15", "cell", "zonelist"): ("round-robin", "by-load", BY_LOAD),
    ("4.19", "cell", "pcp"): ("batch-15", "batch-63-high-6", HIGH_6),
    ("5.8", "cell", "pcp"): ("batch-15", "batch-63-high-6", HIGH_6),
    ("5.8", "flags", "counts_unstable"): (True, False, "NR_UNSTABLE_NFS went in 5.8-rc1 (8d92890bd6b8), not in 5.9"),
}
"""(kernel, part, name): what was listed, what is right, and why."""


OLD = dict.fromkeys(("3.0", "3.1", "3.2", "3.3", "3.15"), 32)
BATCH = "MEMCG_CHARGE_BATCH is 64 since 6.1 (1813e51eece0); it stood in the variant of per-CPU lists"
RULE = "until 5.6 a group above its own min or low claims nothing of its parent; all had the rule of 5.7"
HELD = {  # what was no flag then: what the code did, by kernel
    "charge_batch": OLD | dict.fromkeys(KERNELS[5:], 64),
    "stocks": dict.fromkeys(KERNELS[:-2], 1) | dict.fromkeys(KERNELS[-2:], 7),
    "shares_overcommitted": dict.fromkeys(KERNELS, True),
}
WRONG_THEN = {
    **{(kernel, "charge_batch"): (32, BATCH) for kernel in ("4.19", "5.8", "5.15")},
    **{(kernel, "shares_overcommitted"): (False, RULE) for kernel in (*OLD, "4.19")},
}
"""(kernel, flag): what is right, and why. Before 4.0 no group has a min or low that the rule could be about."""


GONE = "dirty_throttling/position-control.cgroup"  # `cgroup_version` of the cell says it


def without(held: dict[str, Any]) -> dict[str, Any]:
    """What the file holds, less the parameter that is there no more."""
    kept = {name: without(each) if isinstance(each, dict) else each for name, each in held.items()}
    return {name: each for name, each in kept.items() if name not in (GONE, GONE.replace("/", ": "))}


def corrected(kernel: str) -> dict[str, Any]:
    """What the file holds of a kernel, with what was wrong put right, also in the variations of the plain cell."""
    found = without(GOLDEN[kernel])
    for (which, part, name), (was, right, why) in WRONG.items():
        if which != kernel:
            continue
        assert found[part][name] == was and why
        found[part][name] = right
        if part == "cell":
            varied = {f"{name}: {right}": {}, f"{name}: {was}": {name: was}}
            found["varied"] |= {key: value for key, value in varied.items() if key not in LATER}
    return found


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_resolves_as_it_did_when_it_was_listed(kernel):
    found, wanted = observed(kernel), corrected(kernel)
    assert list(found) == list(wanted)
    for part in found:
        assert found[part] == wanted[part], part


@pytest.mark.parametrize("name", HELD)
def test_what_has_become_a_flag_is_what_the_code_did(name):
    for kernel, was in HELD[name].items():
        right, why = WRONG_THEN.get((kernel, name), (was, "as it was"))
        assert era(kernel).flags[name] == right and why, kernel
        assert right != was or (kernel, name) not in WRONG_THEN


@pytest.mark.parametrize(
    ("param", "since"),
    [("kswapd/any-zone.age_by_root", "5.5"), ("reclaim_throttle/node-flags.own_mark", "5.5"),
     ("dirty_throttling/position-control.exceeded_in_loop", "6.0"),
     ("kswapd/any-zone.gives_up", "4.12"), ("kswapd/any-zone.one_will_do", "4.12"),
     ("reclaim_throttle/node-flags.waits_to_retry", "4.7"), ("direct_reclaim/per-zone.sixteen_rounds", "4.7"),
     ("direct_reclaim/per-zone.again_below_low", "4.0"), ("lru/zone-workingset.forced_last", "3.16"),
     ("lru/zone-workingset.by_group", "4.6"), ("lru/zone-workingset.sqrt_rule", "4.7"),
     ("reclaim_writeback/kswapd-only.waits", "3.6"),
     ("lru/workingset.opened_by_refaults", "4.12"), ("lru/workingset.anon_in_plenty", "4.13"),
     ("swap_readahead/aligned.over_holes", "3.4")],
)  # fmt: skip
def test_parameters_that_came_later_have_the_dates_of_their_patches(param, since):
    assert param in LATER
    (axis, variant), (_, name) = param.partition(".")[0].split("/"), param.split(".")
    for version in VERSIONS:
        of = era(version)
        if of.policy[axis] == variant:
            held = of.params.get(axis, {}).get(name, True)
            assert held == (not before(version, since)), version


@pytest.mark.parametrize(
    ("flag", "until"),
    [("writes_activate", "4.7"), ("writeback_bump", "3.11"), ("one_commit", "4.19"), ("low_of_root", "4.13")],
)
def test_ways_that_were_added_later_end_where_they_should(flag, until):
    assert all(era(version).flags[flag] == before(version, until) for version in VERSIONS)


def test_the_cells_cover_every_axis_variant_sysctl_setting_of_groups_and_mode():
    from dataclasses import fields

    from mmrun.model import registry
    from mmrun.model.description import Cgroup, Sysctl

    varied = GOLDEN["6.18"]["varied"]
    for axis in set(registry.axes()) - set(LATER):
        assert {f"{axis}: {name}" for name in registry.variants(axis)} - set(LATER) <= set(varied), axis
    known = {f"vm.{field.name}" for field in fields(Sysctl)} - set(LATER)
    assert known == {name.split(":")[0] for name in varied if name[:3] == "vm."}
    settings = {name.rpartition(".")[2] for name in varied if name.startswith("cgroups.")}
    assert {field.name for field in fields(Cgroup)} - settings == {
        "parent",
        "count",
        "stat_read_every",
        "stat_read_phase",
        "kmem_tcp_limit",
        "zswap_max",
        "zswap_writeback",
        "oom_group",
    }
