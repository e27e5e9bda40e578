"""Promotion, demotion and balancing as guests of 6.12 and 6.1 counted them."""

import pytest

from tests.fidelity.movement import Counts, balanced, full, promotion, recorded, section


def test_with_room_above_every_hot_page_is_promoted_once() -> None:
    found = promotion()
    for known in recorded("b"):
        for name in ("pgpromote_success", "pgpromote_candidate", "numa_hint_faults", "numa_pages_migrated",
                     "pgdemote_kswapd", "pgscan_kswapd", "pgmigrate_success", "pgmigrate_fail"):  # fmt: skip
            assert found[name] == known[name], name
        assert found["numa_pte_updates"] == pytest.approx(
            known["numa_pte_updates"], abs=5
        )  # pages of the program's own


def test_a_full_fast_node_makes_room_and_the_hot_set_comes_up() -> None:
    found, (known,) = full(), recorded("a")
    assert found["pgpromote_success"] == pytest.approx(known["pgpromote_success"], abs=4)
    assert found["pgdemote_kswapd"] == pytest.approx(known["pgdemote_kswapd"], rel=0.02)
    assert found["pgscan_kswapd"] == pytest.approx(known["pgscan_kswapd"], rel=0.03)
    assert found["pgdemote_direct"] == known["pgdemote_direct"] == 0


def test_balancing_moves_what_a_task_uses_and_then_rests() -> None:
    found = balanced(1)
    for known in recorded("balance1"):
        for name in ("numa_pte_updates", "numa_hint_faults", "numa_pages_migrated"):
            assert found[name] == pytest.approx(known[name], abs=12), name
    off = balanced(0)
    assert off["numa_pte_updates"] == off["numa_hint_faults"] == off["numa_pages_migrated"] == 0


def test_the_table_tells_every_set_up() -> None:
    text = "\n".join(section())
    assert "pgpromote_success" in text and "balancing on" in text


def sums(counts: Counts) -> int:
    """Pages demoted by anybody."""
    return counts["pgdemote_kswapd"] + counts["pgdemote_direct"]


def test_what_was_demoted_was_reclaimed_and_migrated() -> None:
    found = full()
    assert sums(found) <= found["pgsteal_kswapd"] + found["pgsteal_direct"]
    assert found["pgmigrate_success"] == sums(found) + found["numa_pages_migrated"]
