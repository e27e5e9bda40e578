"""/proc/zoneinfo of a machine with Linux 6.18, two CPUs and 14 GiB: watermarks, lowmem reserves, per-CPU lists."""

import pytest

from mmrun.model.description import Sysctl
from mmrun.model.eras import era
from mmrun.model.mm.page import watermarks
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.variants.pcp import batch_63
from mmrun.model.mm.page.variants.watermarks import scale_factor
from tests.model.cells import machine, machine_of, one

DMA, DMA32, NORMAL = 0, 1, 2
MANAGED = {DMA: 3840, DMA32: 772_918, NORMAL: 2_949_120}
MIN_FREE_KB, SCALE = 67_584, 10  # as it says; transparent huge pages are on


@pytest.mark.parametrize(
    ("zone", "marks", "protection", "per_cpu"),
    [
        (DMA, (17, 21, 25), [0, 3019, 14_539, 14_539], (1, 10)),
        (DMA32, (3505, 4381, 5257), [0, 0, 11_520, 11_520], (63, 2190)),
        (NORMAL, (13_373, 16_716, 20_059), [0, 0, 0, 0], (63, 8358)),
    ],
)
def test_a_zone(zone, marks, protection, per_cpu):
    """(min, low, high), `protection`, (`batch`, `high_min`)."""
    kinds, sizes = list(MANAGED), list(MANAGED.values())
    levels = watermarks.levels(sizes, kinds, MIN_FREE_KB, SCALE, scale_factor)
    assert levels[kinds.index(zone)] == marks
    assert watermarks.lowmem_reserves(MANAGED)[zone] == protection
    assert batch_63.sizes(MANAGED[zone], marks[1], 2) == per_cpu


def test_huge_pages_raise_the_default_of_min_free_kbytes():
    """Eleven pageblocks a zone, here of three; a twentieth of a small machine; movable zones do not count."""
    sizes, kinds = list(MANAGED.values()), list(MANAGED)
    plain = watermarks.min_free_kbytes(sizes, 262_144)
    assert plain == 15_442
    high = [marks[2] for marks in watermarks.levels(sizes, kinds, plain, SCALE, scale_factor)]
    assert watermarks.for_huge_pages(sizes, kinds, high) == MIN_FREE_KB == 3 * 11 * 512 * 4
    assert watermarks.for_huge_pages([3840, 120_000], [DMA, DMA32], [100, 900]) == (3740 + 119_100) // 20 * 4
    assert watermarks.for_huge_pages([3840, 772_918, 999], [DMA, DMA32, 3], [0, 0, 0]) == 2 * 11 * 512 * 4


@pytest.mark.parametrize(
    ("kernel", "vm", "expected"),
    [
        ("6.18", {}, 2892), ("6.18", {"transparent_hugepage": "never"}, 2892),
        ("6.18", {"transparent_hugepage": "madvise"}, 25_992), ("3.1", {"transparent_hugepage": "always"}, 25_992),
        ("6.18", {"transparent_hugepage": "always", "min_free_kbytes": 4096}, 4096),
    ],
)  # fmt: skip
def test_a_cell_says_whether_huge_pages_are_on(kernel, vm, expected):
    """The sum of the min watermarks of 512 MiB, kB; what is set by hand holds."""
    built = machine_of(one(kernel, machine(512), vm=Sysctl(**vm)))
    assert int(zones(built.memory.m)["wmark_min"].sum()) * 4 == expected


def test_huge_pages_came_with_2_6_38():
    assert "transparent_hugepage" in era("2.6.37").missing
    assert era("2.6.38").sysctl["transparent_hugepage"] == "never"
