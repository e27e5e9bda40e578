"""/proc/zoneinfo of a machine with Linux 6.18, two CPUs and 14 GiB: watermarks, lowmem reserves, per-CPU lists."""

import pytest

from mmrun.model.mm.page import watermarks
from mmrun.model.mm.page.variants.pcp import batch_63
from mmrun.model.mm.page.variants.watermarks import scale_factor

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
