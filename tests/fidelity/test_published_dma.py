"""What papers measured of IOMMUs: which way it goes, and how far where costs are theirs."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from mmrun.model.api import simulate
from mmrun.model.description import Cell
from tests.fidelity.published import Metrics
from tests.fidelity.published_dma import MALKA, WORK, cycles, malka, parts_of, queues, rate


@cache
def _metrics(which: str | None, directions: int) -> Metrics:
    return simulate(malka(which, directions)).metrics


def measured(cell: Cell) -> float:
    return rate(simulate(cell).metrics)


@pytest.mark.parametrize("which", MALKA)
def test_a_packet_costs_as_many_times_more_as_was_measured(which: str):
    """9.4, 5.2, 4.7 and 3.2 times, with a queue in each direction: within a seventh."""
    assert cycles(_metrics(None, 2)) == pytest.approx(WORK, rel=0.01)
    found = cycles(_metrics(which, 2)) / cycles(_metrics(None, 2))
    assert found == pytest.approx((WORK + 2 * sum(MALKA[which])) / WORK, rel=1 / 7)


def test_searches_are_long_only_where_two_rings_share_the_addresses():
    addresses = {n: parts_of(_metrics("strict", n))[0] for n in (1, 2)}
    assert addresses[1] < 800 and 2000 < addresses[2] < 4400  # 4,394 were measured
    assert parts_of(_metrics("strict+", 2))[0] < 572


def test_the_better_allocator_saves_little_without_deferring_and_deferring_little_without_it():
    found = {which: cycles(_metrics(which, 1)) for which in MALKA}
    assert found["strict"] > found["strict+"] > found["defer"] > found["defer+"]


def test_copies_are_several_times_faster_than_strict_unmapping():
    for cores in (1, 16):
        strict, copies = (measured(queues(mode, cores=cores, ms=10, ring=64)) for mode in ("strict", "shadow-copy"))
        assert 3 < copies / strict < 5.5, cores  # up to 5 times


def test_a_hypervisors_unit_halves_what_deferring_leaves():
    sends: dict[str, Any] = {"gbit": 10, "way": "send", "packet": 65_536, "pieces": 17, "ring": 16, "ms": 60}
    strict, lazy, none = (measured(queues(mode, unit="virtio", **sends)) for mode in ("strict", "lazy", None))
    assert strict < 0.6 * lazy < 0.6 * none  # 43, 91 and 100 % of the line rate


@pytest.mark.parametrize("step", [13, 75])
def test_the_tree_of_2011_does_not_scale_whatever_a_step_of_its_search_costs(step: int):
    """ns a step: 40 cycles in a cache, or a load from memory."""

    def share(mode: str, allocator: str, cores: int) -> float:
        cell = queues(mode, allocator, cores, ms=25)
        costs = replace(cell.machine.costs, iova_step=step)
        return measured(replace(cell, machine=replace(cell.machine, costs=costs)))

    assert share("lazy", "tree-2011", 8) < 0.5 * share("lazy", "magazines", 8)
    assert share("strict", "tree-2011", 4) < 0.5 * share("strict", "tree-2011", 2)
