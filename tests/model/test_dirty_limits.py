"""Dirty limits of zones and nodes: how many pages, and where the pages of write() come from."""

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Sysctl, Task, Variant
from mmrun.model.machine import numa
from mmrun.model.machine.state import geometry
from mmrun.model.mm.page.flags import ACTIVE_ANON, ACTIVE_FILE, INACTIVE_FILE
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.mm.writeback.page_writeback import part_limit
from mmrun.model.mm.writeback.state import writeback_count
from mmrun.model.units import MB_S, PAGE, GiB, MiB
from tests.model.cells import Run, call, machine, machine_of, one, run, writes

STICK = {"d": Disk(kind="usb", size=4 * GiB)}
FILE = Region(kind="file", access="read", disk="d")


def holed(*mib: int, low: int = 48) -> Machine:
    """A machine with so little memory below 4 GiB: 16 MiB in zone DMA, `low` MiB in DMA32, the rest in Normal."""
    return machine(*mib, disks=STICK, pci_hole=4 * GiB - (16 + low) * MiB)


def limited(limits: str, host: Machine, era: str = "3.3", **vm: int) -> Cell:
    """A cell of one writer with a choice on the axis."""
    return one(era, host, FILE, policy={"dirty_limits": Variant(variant=limits)}, vm=Sysctl(**vm))


@pytest.mark.parametrize(
    ("available", "ratio", "pages", "everywhere", "limit"),
    [
        (1000, 20, 0, 1, 200),
        (999, 20, 0, 1, 199),
        (504 * 256, 40, 0, 1, 51609),
        (3246 * 256, 40, 0, 1, 332390),
        (1000, 0, 12_800, 100_000, 128),
        (999, 0, 12_801, 100_000, 127),
        (0, 40, 0, 1, 0),
    ],
)
def test_a_part_of_memory_has_its_part_of_the_limit(available, ratio, pages, everywhere, limit):
    assert part_limit(available, ratio, pages, everywhere) == limit


def test_memory_beyond_the_hole_is_in_zone_normal():
    """A desktop of 2011, but for what firmware takes of zone DMA."""
    found = numa.zones_of(machine(16 + 3246 + 504, pci_hole=4096 * MiB - 3262 * MiB))
    assert [(zone.kind, zone.pages * PAGE // MiB) for zone in found] == [(0, 16), (1, 3246), (2, 504)]
    assert [zone.kind for zone in numa.zones_of(machine(64, pci_hole=4 * GiB))] == [0, 2]


def most_dirty(built: Built, z: int) -> int:
    """The largest number of dirty pages with which zone `z` is within its limit."""
    zone, at = zones_of(built.memory.m)[z], -1
    while True:
        zone.nr_file_dirty = at + 1
        if not call(built, "dirty_ok", z):
            return at
        at += 1


def fill(built: Built) -> None:
    """Zones with lists, and fewer free pages than reserved in the last."""
    for z, (free, file, anon) in enumerate([(500, 1000, 30), (2000, 3001, 70), (10, 900, 0)]):
        zone = zones_of(built.memory.m)[z]
        zone.nr_free, zone.nr_lru[INACTIVE_FILE], zone.nr_lru[ACTIVE_FILE] = free, file - 100, 100
        zone.nr_lru[ACTIVE_ANON] = anon


def reserves(built: Built) -> list[int]:
    """High watermark and largest lowmem reserve of each of the three zones."""
    return [int(zone.wmark_high) + int(max(zone.reserve)) for zone in zones_of(built.memory.m)[:3]]


def test_what_a_zone_keeps_free_is_not_dirtyable():
    """3.3: off free pages and page cache together; 3.15: off free pages alone."""
    for era, whole in (("3.3", True), ("3.15", False)):
        built = machine_of(limited("per-zone", holed(80), era, dirty_ratio=40))
        fill(built)
        for z, (free, file) in enumerate([(500, 1000), (2000, 3001), (10, 900)]):
            reserve = reserves(built)[z]
            assert reserve > 10
            available = max(0, free + file - reserve) if whole else max(0, free - reserve) + file
            assert most_dirty(built, z) == 40 * available // 100


def test_pages_under_writeback_count_and_bytes_are_shared_out():
    built = machine_of(limited("per-zone", holed(80), "3.15", dirty_bytes=4000 * PAGE + 1))
    fill(built)
    m, kept = built.memory.m, reserves(built)
    zones_of(m)[1].nr_writeback = 100
    free = 500 + 2000 + 10
    everywhere = free - min(free, sum(kept)) + 4901 + 1
    mine = 2000 - min(2000, kept[1]) + 3001
    assert most_dirty(built, 1) == 4001 * mine // everywhere - 100


def test_zones_of_a_node_are_full_together():
    built = machine_of(limited("per-node", holed(80), "4.19", dirty_ratio=40))
    fill(built)
    free, kept = 2510, sum(reserves(built))
    limit = 40 * (free - min(free, kept) + 4901) // 100
    assert most_dirty(built, 0) == limit
    zones_of(built.memory.m)[0].nr_file_dirty = 0
    assert most_dirty(built, 2) == limit


def spread(limits: str, host: Machine, pages: int, era: str = "3.3") -> Run:
    """A file of so many pages is written, and no flusher runs."""
    cell = limited(limits, host, era, dirty_ratio=60, dirty_background_ratio=59, dirty_writeback_centisecs=0)
    return run(cell, writes(range(pages)))


def dirty_share(found: Run) -> np.ndarray:
    """Dirty pages of each zone as a part of what it manages."""
    zones = zones_of(found.m)[: int(geometry(found.m).nr_zones)]
    return zones["nr_file_dirty"] / zones["managed"]


def test_without_limits_the_zone_tried_first_fills_with_dirty_pages():
    """Normal is a fifth of memory; a third of memory is dirtied."""
    share = dirty_share(spread("none", holed(80), 80 * 256 // 3))
    assert share[2] > 0.9 and share[0] == 0


def test_zones_take_dirty_pages_in_proportion():
    found = spread("per-zone", holed(80), 80 * 256 // 3)
    share = dirty_share(found)
    assert share[2] < 0.6 and 0.2 < share[1] < 0.6
    assert writeback_count(found.m).nr_dirty == 80 * 256 // 3 and reclaim_count(found.m).allocstall == 0


@pytest.mark.parametrize(("limits", "era"), [("none", "4.19"), ("per-node", "4.19")])
def test_a_small_node_does_not_fill_with_the_pages_its_cpus_write(limits, era):
    found = spread(limits, machine(16, 64, disks=STICK), 5000, era)
    share = dirty_share(found)
    small = zones_of(found.m)[0].nr_file_dirty
    assert (small > 3600) == (limits == "none") and writeback_count(found.m).nr_dirty == 5000, share


def copied_to_a_stick(limits: str, writepage: str, scale: int = 8) -> Run:
    """An eighth of a desktop of 2011 (15M DMA, 3246M DMA32, 504M Normal): 10 GiB are copied to a USB stick.

    Source: J. Weiner, per-zone dirty limits v2, linux-mm, 20 September 2011.
    """
    low, normal, written = 3246 * MiB // scale, 504 * MiB // scale, 10 * GiB // scale
    stick = Disk(kind="usb", size=16 * GiB, write_bandwidth=39 * MB_S // 2, writepage=writepage)  # type: ignore[arg-type]
    host = Machine(
        nodes=(Node(memory=16 * MiB + low + normal, cpus=4),), pci_hole=4 * GiB - 16 * MiB - low, disks={"d": stick}
    )
    dd = Task(stream=Stream(kind="writer", params={"size": written, "accesses": written // PAGE}), memory=(FILE,))
    policy = {"dirty_limits": Variant(variant=limits)}
    return run(
        Cell(kernel="3.1", machine=host, vm=Sysctl(dirty_ratio=40), policy=policy, tasks={"dd": dd}), check=False
    )


@pytest.mark.parametrize("writepage", ["writes", "ignores"])
def test_reclaim_writes_nothing_where_no_zone_fills_with_dirty_pages(writepage):
    """Whether the file system writes the pages that kswapd hands it, or only counts as having been asked."""
    before, after = (copied_to_a_stick(limits, writepage).metrics for limits in ("none", "per-zone"))
    assert before["nr_vmscan_write"] > 100 and after["nr_vmscan_write"] == 0
    assert after["pgscan_kswapd"] == after["pgsteal_kswapd"], "all that kswapd meets is clean"
    assert after["elapsed_ns"] < 1.01 * before["elapsed_ns"]
