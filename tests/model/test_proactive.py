"""Proactive reclaim: thresholds from hand-made histograms, pressure, what controllers take; ages from generations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmrun.model import registry
from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Cgroup, Sampling, Variant
from mmrun.model.mm.idle import far_memory
from mmrun.model.mm.idle.variants.proactive import far_memory as controller
from mmrun.model.mm.memcg import pressure
from mmrun.model.units import MS, PAGE, MiB, S
from tests.model.cells import GENERATIONS, ZRAM, given, machine, one, reads, run, writes

HOT, COLD = range(310), range(310, 2170)


def histogram(**counts: int) -> np.ndarray:
    found = np.zeros(257, dtype=np.int64)
    for age, count in counts.items():
        found[int(age[1:])] = count
    return found


@pytest.mark.parametrize(
    ("promoted", "limit", "threshold"),
    # Working set 100,000: a limit of 200 allows 200 promotions a minute.
    [
        ({}, 200, 1), ({"a1": 200}, 200, 1), ({"a1": 201}, 200, 2), ({"a1": 50, "a2": 100, "a7": 60}, 200, 2),
        ({"a1": 50, "a2": 100, "a7": 60}, 160, 2), ({"a1": 50, "a2": 100, "a7": 60}, 159, 3), ({"a7": 201}, 200, 8),
        ({"a255": 201}, 200, 256), ({"a3": 500, "a9": 150, "a200": 40}, 200, 4),
    ],
)  # fmt: skip
def test_the_threshold_is_the_least_age_within_the_limit(promoted: dict[str, int], limit: int, threshold: int):
    assert far_memory.best_threshold(histogram(**promoted), 100_000, limit) == threshold


@pytest.mark.parametrize(("share", "wanted"), [(0, 0), (1, 2), (50, 2), (51, 5), (80, 5), (81, 9), (99, 9), (100, 256)])
def test_the_percentile_of_past_minutes(share: int, wanted: int):
    assert far_memory.percentile(histogram(a2=50, a5=30, a9=19, a256=1), share) == wanted


def test_a_third_of_the_pages_does_not_compress():
    found = [controller.compresses.fn(owner, 31) for owner in range(50_000)]
    assert 0.68 < sum(found) / len(found) < 0.70 and all(controller.compresses.fn(owner, 0) for owner in range(99))


@pytest.mark.parametrize(
    ("current", "some", "pages"),
    [
        (100_000, 0, 50), (100_000, 500, 25), (100_000, 999, 0), (1_000_000, 999, 0), (100_000, 1_000, 0),
        (100_000, 9**9, 0), (2_000_000, 250, 750), (1_999, 0, 0),
    ],
)  # fmt: skip
def test_senpai_asks_for_less_under_pressure(current: int, some: int, pages: int):
    """current * 0.0005 * max(0, 1 - some / 0.1 %)."""
    assert pressure.senpai_pages(current, 500, some, 1_000) == pages


def test_stalls_of_two_tasks_overlap_by_chance():
    assert pressure.either(0, 300_000) == 300_000 and pressure.either(500_000, 500_000) == 750_000
    assert pressure.either(1_000_000, 1) == 1_000_000


def far_cell(**params: Any) -> Cell:
    policy = {
        "idle": Variant(variant="kstaled", params={"scan_ms": 1000}),
        "proactive": Variant(variant="far-memory", params={"minute_ms": 1000, "warmup_minutes": 3} | params),
    }
    return one("6.18", machine(16, swap=ZRAM), policy=policy, sampling=Sampling(cold_after=S))


def loop(seconds: int) -> np.ndarray:
    return np.concatenate([np.concatenate([reads(HOT), compute(100 * MS)]) for _ in range(seconds * 10)])


def test_far_memory_compresses_what_is_cold_and_compresses():
    done = run(far_cell(), np.concatenate([writes(HOT), writes(COLD), loop(15)]))
    found = done.metrics
    stored = sum(controller.compresses.fn(page, 31) for page in COLD)
    assert found["pgsteal_proactive"] == found["nr_swap_used"] == stored and found["pswpin"] == 0
    assert found["far_rejected"] == len(COLD) - stored, "each of the others is tried once"
    assert found["proactive_ns"] >= stored * 3000


def test_far_memory_waits_for_the_warm_up_and_heeds_its_limit():
    assert run(far_cell(warmup_minutes=60), np.concatenate([writes(HOT), writes(COLD), loop(6)])).metrics["far_ws"] > 0
    assert run(far_cell(warmup_minutes=60), np.concatenate([writes(COLD), loop(6)])).metrics["pgsteal_proactive"] == 0
    # Every cold page is used again after four seconds: reclaiming younger ones would break any limit.
    again = np.concatenate([np.concatenate([loop(4), reads(COLD)]) for _ in range(6)])
    tight = run(
        far_cell(slo=10, percentile=100, warmup_minutes=6), np.concatenate([writes(HOT), writes(COLD), again])
    ).metrics
    loose = run(far_cell(slo=100_000), np.concatenate([writes(HOT), writes(COLD), again])).metrics
    assert tight["pswpin"] == 0 < loose["pswpin"]


def test_far_memory_without_a_swap_area_has_nowhere_to_put_pages():
    cell = replace(far_cell(), machine=machine(16))
    found = run(cell, np.concatenate([writes(HOT), writes(COLD), loop(10)])).metrics
    assert found["pswpout"] == found["far_rejected"] == found["pgsteal_proactive"] == 0 < found["far_ws"]


def test_a_page_written_again_is_tried_again():
    again = np.concatenate([writes(COLD), loop(8)])
    once = run(far_cell(), np.concatenate([writes(HOT), writes(COLD), loop(10)])).metrics["far_rejected"]
    done = run(far_cell(slo=100_000, percentile=10), np.concatenate([writes(HOT), writes(COLD), loop(10), again]))
    assert done.metrics["far_rejected"] == 2 * once


@pytest.mark.parametrize("variant", ["senpai", "constant-rate"])
def test_controllers_in_user_space_shrink_groups(variant: str):
    params: dict[str, Any] = {"senpai": {"interval_ms": 500, "ratio_ppm": 20_000}, "constant-rate": {"pages_per_s": 64}}
    policy = {"proactive": Variant(variant=variant, params=params[variant])}
    cell = one("6.18", machine(16, swap=ZRAM), policy=policy, cgroups={"g": Cgroup(max=14 * MiB)})
    found = run(cell, np.concatenate([writes(HOT), writes(COLD), loop(20)])).metrics
    assert found["pgsteal_proactive"] > 640 and found["pgscan_direct"] == found["pgscan_kswapd"] == 0
    assert found["cgroup.g.usage_pages"] < len(HOT) + len(COLD) - 640


def test_senpai_asks_for_less_of_a_group_that_stalls():
    """All of its memory is in use, so that every page taken is waited for."""
    everything = np.concatenate([np.concatenate([reads(HOT), reads(COLD), compute(20 * MS)]) for _ in range(200)])
    taken = []
    for threshold in (100, 10_000, 1_000_000):
        params = {"interval_ms": 100, "ratio_ppm": 50_000, "threshold_ppm": threshold}
        cell = one("6.18", machine(16, swap=ZRAM), policy={"proactive": Variant(variant="senpai", params=params)})
        taken.append(run(cell, everything).metrics["pgsteal_proactive"])
    assert 0 < taken[0] < taken[1] < taken[2] and taken[0] < taken[2] * 2 / 3


def test_what_a_variant_needs_another_must_keep():
    for policy, words in (
        ({"proactive": Variant(variant="far-memory")}, r"far-memory needs ages \(idle: "),
        ({"idle": Variant(variant="mglru-ages")}, r"needs generations \(lru: mglru"),
    ):
        with pytest.raises(ValueError, match=words):
            registry.resolve(one("6.18", machine(16), policy=policy))


def test_ages_from_generations_tell_cold_from_hot():
    """A scan of all but a tenth of memory, then the tenth over and over: two intervals later the rest is cold."""
    kernel = next(era for era in GENERATIONS if era.startswith("6.18"))
    policy = {"idle": Variant(variant="mglru-ages", params={"interval_ms": 1000})}
    cell = one(kernel, machine(16, swap=ZRAM), policy=policy, sampling=Sampling(cold_after=1900 * MS))
    found = run(cell, np.concatenate([writes(HOT), writes(COLD), loop(12)])).metrics
    assert found["idle_rounds"] > 3 and found["cold_false"] == 0
    assert found["ws_estimated"] == found["ws_true"] and found["cold_found"] > 3 * len(COLD)
    assert found["lru_gen_walk_ns"] <= found["idle_scan_ns"]


def test_reclaim_of_picked_pages_is_counted():
    marks = {"wmark_high": 1000, "wmark_mid": 1000, "wmark_low": 0}
    params = {"pageout": True, "by_task": True, "min_age_ms": 500} | marks
    policy = {"idle": Variant(variant="damon", params=params)}
    cell = Cell(kernel="6.18", machine=machine(16, swap=ZRAM), tasks={"t": given()}, policy=policy)
    found = run(cell, np.concatenate([writes(COLD), compute(3 * S)])).metrics
    assert found["pgscan_proactive"] >= found["pgsteal_proactive"] == found["pgsteal_anon"] == found["pswpout"] > 0
    assert found["damos_sz_tried"] >= found["damos_sz_applied"] == found["pgsteal_proactive"] * PAGE
