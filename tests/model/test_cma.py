"""Contiguous memory areas: who gets their pages, how a range is emptied, what stands in the way; the rivals."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.description import Cell, Region, SwapTarget, Variant
from mmrun.model.mm.cma import events as ask
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.driver import events as driver
from mmrun.model.mm.driver.state import FAILED
from mmrun.model.mm.page.flags import CMA
from mmrun.model.mm.page.state import zones
from mmrun.model.units import MiB
from tests.model.cells import machine, one, reads, run, writes
from tests.model.test_driver import results

ZRAM: dict[str, Any] = {"swap": {"s": SwapTarget(kind="zram", size=64 * MiB)}}
RIVALS = ("carve-out", "cma", "compaction")


def cell(kernel: str = "6.18", mib: int = 64, area: int = 16, contiguous: str | None = None, *regions: Region) -> Cell:
    """A machine with one area, and the single task `t`."""
    host = machine(mib, cma={"video": CmaArea(size=area * MiB)}, **ZRAM)
    policy = {"contiguous": Variant(variant=contiguous)} if contiguous else {}
    return one(kernel, host, *regions, policy=policy)


@pytest.mark.parametrize("kernel", ["3.15", "5.15", "6.18"])
def test_an_area_is_lent_and_its_blocks_are_of_its_type(kernel: str):
    done = run(cell(kernel), writes(range(10)))
    area = cma_areas(done.m)[0]
    blocks = done.built.memory.table("pageblocks")
    assert (blocks == CMA).sum() == 8 and area.pages == 4096
    assert done.metrics["nr_free_cma"] == 4096


def test_watermarks_know_an_area_that_is_lent_and_not_one_that_is_kept():
    managed = {rival: int(zones(run(cell(contiguous=rival), writes([1])).m)["managed"].sum()) for rival in RIVALS}
    assert managed["cma"] == managed["compaction"] == managed["carve-out"] + 4096


@pytest.mark.parametrize("rival", RIVALS)
def test_every_rival_serves_what_an_idle_machine_can(rival: str):
    events = [ask.contig_alloc(range(4), 700), ask.contig_release([1]), ask.contig_alloc([1], 600)]
    done = run(cell(contiguous=rival), np.concatenate(events))
    found = results(done)
    assert FAILED not in found and done.metrics["contig_alloc_success"] == 5
    assert done.metrics["contig_pages"] == 3 * 700 + 600
    if rival in ("carve-out", "cma"):
        first = int(cma_areas(done.m)[0].first)
        assert found == [first, first + 768, first + 1536, first + 2304, first + 768]


@pytest.mark.parametrize("rival", RIVALS)
def test_what_is_given_back_is_there_again(rival: str):
    events = np.concatenate([ask.contig_alloc(range(2), 1000), ask.contig_release(range(2))])
    streams = writes([0]), np.concatenate([writes([0]), events])
    before, after = (run(cell(contiguous=rival), stream) for stream in streams)
    assert before.metrics["nr_free_pages"] == after.metrics["nr_free_pages"] and after.metrics["contig_pages"] == 0


@pytest.mark.parametrize("kernel", ["3.15", "4.19", "6.1", "6.18"])
def test_pages_that_are_in_the_way_are_moved(kernel: str):
    done = run(cell(kernel, 64, 32), np.concatenate([writes(range(9000)), ask.contig_alloc(range(6), 1024)]))
    assert done.metrics["cma_alloc_success"] == 6 and done.metrics["cma_alloc_fail"] == 0
    assert done.metrics["migrated_contig_range"] > 0
    assert done.metrics["cma_alloc_pages_success"] == 6144


def test_clean_pages_of_files_are_dropped():
    file = Region(kind="file", access="read")
    events = np.concatenate([reads(range(14000)), ask.contig_alloc(range(4), 1024)])
    done = run(cell("6.18", 64, 32, None, file), events)
    assert done.metrics["contig_dropped"] > 1000 and done.metrics["cma_alloc_success"] == 4
    assert done.metrics.get("migrated_contig_range", 0) == 0


def test_a_page_pinned_for_a_moment_spoils_its_range_and_one_pinned_for_long_has_left():
    fill, chosen = writes(range(11000)), np.arange(0, 11000, 16)
    asked = ask.contig_alloc(range(8), 1024)
    short = run(cell("6.18", 64, 32), np.concatenate([fill, driver.pin(chosen), asked]))
    longer = run(cell("6.18", 64, 32), np.concatenate([fill, driver.pin(chosen, longterm=True), asked]))
    assert short.metrics["cma_alloc_success"] < longer.metrics["cma_alloc_success"]
    assert short.metrics["cma_alloc_busy_retry"] > 0
    assert longer.metrics["migrated_longterm_pin"] > 0


def test_unmovable_requests_never_see_an_area():
    """They fail with the area all free, for its pages are no pages to them (__zone_watermark_unusable_free)."""
    done = run(cell("6.18", 64, 32), driver.alloc_buffers(range(4096), 1, effort="none"))
    assert done.metrics["nr_free_cma"] == 8192 and FAILED in results(done)
