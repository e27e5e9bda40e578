"""Integer arithmetic of the mechanisms against vectors worked out by hand from the kernel's formulas."""

import pytest

from mmrun.model import registry
from mmrun.model.core.memory import Memory
from mmrun.model.description import Machine, Node, Variant
from mmrun.model.machine import numa
from mmrun.model.mm.fault import readahead as file_readahead
from mmrun.model.mm.lru import inactive_ratio, scan_balance, shadow
from mmrun.model.mm.page import watermarks
from mmrun.model.mm.page.state import alloc_settings
from mmrun.model.mm.page.variants.pcp import batch_15, batch_31, batch_63
from mmrun.model.mm.page.variants.watermarks import quarters, scale_factor
from mmrun.model.mm.page.variants.zonelist import by_load, round_robin
from mmrun.model.mm.swap import readahead
from mmrun.model.units import GB_S, PAGE, GiB, MiB

MARKS = {  # GiB: (min, low, high) since 4.6, and in 3.1
    4: ((2048, 3096, 4144), (2048, 2560, 3072)),
    16: ((4096, 8290, 12484), (4096, 5120, 6144)),
    64: ((8192, 24969, 41746), (8192, 10240, 12288)),
    256: ((16384, 83492, 150600), (16384, 20480, 24576)),
    1024: ((32768, 301203, 569638), (16384, 20480, 24576)),
}


@pytest.mark.parametrize("size", MARKS)
@pytest.mark.parametrize("old", [False, True])
def test_watermarks_of_one_normal_zone(size, old):
    pages, variant = size * GiB // PAGE, quarters if old else scale_factor
    floor = watermarks.min_free_kbytes([pages], variant.MIN_FREE_CEILING_KB)
    assert watermarks.levels([pages], [numa.NORMAL], floor, 10, variant) == [MARKS[size][old]]


@pytest.mark.parametrize(("size", "promo"), [(4, 5192), (16, 16678), (64, 58523), (256, 217708), (1024, 838073)])
def test_the_promotion_mark_is_one_gap_above_high(size, promo):
    """No mechanism uses it yet; the distance between marks is the one that all of them share."""
    share = watermarks.min_free_kbytes([size * GiB // PAGE], scale_factor.MIN_FREE_CEILING_KB) // 4
    assert MARKS[size][0][2] + scale_factor.gap(share, size * GiB // PAGE, 10) == promo


def test_the_headroom_of_a_terabyte_was_32_mib_and_is_2_gib():
    (low, high) = (marks[2] - marks[0] for marks in reversed(MARKS[1024]))
    assert low * PAGE == 32 * MiB and round(high * PAGE / GiB, 2) == 2.05


@pytest.mark.parametrize(
    ("mib", "ceiling", "expected"),
    [(0.5, 65536, 128), (1, 65536, 128), (2, 65536, 181), (16, 65536, 512), (1024, 65536, 4096), (4096, 65536, 8192),
     (1 << 18, 65536, 65536), (1 << 19, 65536, 65536), (1 << 18, 262144, 65536), (1 << 23, 262144, 262144)],
)  # fmt: skip
def test_min_free_kbytes_is_a_root_within_its_clamps(mib, ceiling, expected):
    assert watermarks.min_free_kbytes([int(mib * MiB) // PAGE], ceiling) == expected


def test_zones_share_min_free_by_size_and_movable_is_fixed():
    pages = [4096, 1044480, 1048576]
    found = watermarks.levels(pages, [numa.DMA, numa.DMA32, numa.NORMAL], 8192, 10, scale_factor)
    assert [marks[0] for marks in found] == [4, 1020, 1024]
    assert found[2] == (1024, 2072, 3120)
    movable = watermarks.levels([1048576, 65536], [numa.NORMAL, watermarks.MOVABLE], 8192, 10, scale_factor)
    assert movable[1][0] == 64


def test_a_larger_scale_factor_widens_the_gap():
    assert watermarks.levels([1048576], [numa.NORMAL], 8192, 100, scale_factor) == [(2048, 12533, 23018)]
    assert watermarks.levels([1048576], [numa.NORMAL], 8192, 100, quarters) == [(2048, 2560, 3072)]


def test_lowmem_reserves_of_dma_and_dma32():
    """A 16 GiB node: DMA keeps a 256th of what lies above it from callers who could go there."""
    managed = {numa.DMA: 4096, numa.DMA32: 1044480, numa.NORMAL: 3145728}
    reserves = watermarks.lowmem_reserves(managed)
    assert reserves[numa.DMA] == [0, 4080, 16368, 16368]
    assert reserves[numa.DMA32] == [0, 0, 12288, 12288]
    assert reserves[numa.NORMAL] == [0, 0, 0, 0]
    assert watermarks.lowmem_reserves({numa.NORMAL: 100, watermarks.MOVABLE: 3200})[numa.NORMAL] == [0, 0, 0, 100]


@pytest.mark.parametrize(
    ("variant", "managed", "low", "cpus", "expected"),
    [
        (batch_31, 1 << 20, 2560, 1, (31, 186)),
        (batch_31, 1 << 28, 20480, 64, (31, 186)),
        (batch_31, 65536, 640, 4, (15, 90)),
        (batch_31, 4096, 640, 4, (1, 0)),  # below 8 MiB nothing stays on the lists
        (batch_63, 1 << 20, 3096, 1, (63, 3096)),
        (batch_63, 1 << 20, 3096, 64, (63, 252)),
        (batch_63, 16384, 160, 1, (3, 160)),
        (batch_63, 4096, 160, 1, (1, 160)),
        (batch_63, 1 << 20, 3096, 0, (63, 3096)),  # a node without CPUs
        (batch_15, 1 << 20, 3096, 4, (63, 774)),
    ],
)
def test_sizes_of_the_per_cpu_lists(variant, managed, low, cpus, expected):
    assert variant.sizes(managed, low, cpus) == expected


def test_page_vectors():
    assert [variant.LRU_BATCH for variant in (batch_31, batch_15, batch_63)] == [14, 15, 31]


RATIOS = {0: 1, 1: 3, 2: 4, 10: 10, 64: 25, 100: 31, 256: 50, 1024: 101}


@pytest.mark.parametrize(("gib", "ratio"), RATIOS.items())
def test_the_inactive_ratio_grows_with_the_root_and_low_is_strict(gib, ratio):
    inactive = -(-((gib << 18) + 1000) // (ratio + 1))
    active = inactive * ratio
    assert (inactive + active) >> 18 == gib
    assert not inactive_ratio.inactive_is_low(inactive, active), "equal is not low"
    assert inactive_ratio.inactive_is_low(inactive, active + 1)
    assert inactive_ratio.inactive_is_low(inactive - 1, active)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 8, 9, 10, 99, 100, 10240, 10**9])
def test_integer_square_root(n):
    root = inactive_ratio.isqrt(n)
    assert root * root <= n < (root + 1) ** 2


@pytest.mark.parametrize(
    ("anon_cost", "file_cost", "share"),
    [(100_000, 100_000, 0.299), (0, 100_000, 0.461), (100_000, 0, 0.175), (50_000, 150_000, 0.374), (0, 0, 0.3)],
)
def test_anon_share_of_the_scan_by_cost(anon_cost, file_cost, share):
    ap, fp = scan_balance.cost_pressure(60, anon_cost, file_cost)
    assert round(ap / (ap + fp), 3) == share


def test_cost_pressure_in_integers():
    assert scan_balance.cost_pressure(60, 1000, 1000) == (119, 279)
    assert scan_balance.cost_pressure(60, 0, 1000) == (179, 209)
    assert scan_balance.cost_pressure(60, 1000, 0) == (89, 419)
    assert scan_balance.cost_pressure(60, 1000, 3000) == (143, 239)
    assert scan_balance.cost_pressure(0, 1000, 1000) == (0, 399)
    assert scan_balance.cost_pressure(200, 1000, 1000) == (399, 0)


def test_cost_pressure_is_bounded_by_a_factor_of_two():
    for cost in (1, 100, 10**6):
        ap, fp = scan_balance.cost_pressure(100, 0, cost)
        assert ap <= 2 * fp + 200
        ap, fp = scan_balance.cost_pressure(100, cost, 0)
        assert fp <= 2 * ap + 200


@pytest.mark.parametrize(
    ("swappiness", "scanned", "rotated", "expected"),
    [
        (61, (0, 0), (0, 0), (61, 141)),
        (61, (999, 999), (0, 999), (61_000, 141)),
        (61, (999, 999), (999, 0), (61, 141_000)),
        (61, (1000, 1000), (250, 500), (61 * 1001 // 251, 141 * 1001 // 501)),
        (1, (99, 99), (0, 0), (100, 20_100)),
    ],
)
def test_pressure_by_rotation_has_no_bound(swappiness, scanned, rotated, expected):
    """3.1 adds one to either priority: 61 and 141 at swappiness 60."""
    memory = Memory(lruvecs=1)
    vec = memory.table("lruvecs")[0]
    for lru in range(4):
        vec.lists[lru].n = 1_000_000
    vec.recent_scanned[:], vec.recent_rotated[:] = scanned, rotated
    assert scan_balance.rotation_pressure(memory.m, 0, swappiness, 202 - swappiness) == expected


def test_swap_readahead_follows_hits():
    assert [readahead.nr_pages(hits, False, 0, 8) for hits in range(8)] == [1, 4, 4, 8, 8, 8, 8, 8]
    assert readahead.nr_pages(0, True, 0, 8) == 2


def test_swap_readahead_shrinks_by_half_at_most():
    assert [readahead.nr_pages(0, False, last, 8) for last in (2, 4, 8)] == [1, 2, 4]
    assert readahead.nr_pages(7, False, 0, 1) == 1, "page_cluster 0 turns it off"


def around(n: int, distance=None) -> Machine:
    return Machine(nodes=tuple(Node(memory=16 * MiB) for _ in range(n)), distance=distance)


@pytest.mark.parametrize("variant", [by_load, round_robin])
@pytest.mark.parametrize("n", [2, 4, 8])
def test_equally_distant_nodes_take_turns(variant, n):
    """Every node falls back to its successor, so that no node is everybody's second choice."""
    expected = [[(local + step) % n for step in range(n)] for local in range(n)]
    assert numa.fallback_nodes(around(n), variant) == expected


RING = ((10, 20, 30, 20), (20, 10, 20, 30), (30, 20, 10, 20), (20, 30, 20, 10))


@pytest.mark.parametrize("variant", [by_load, round_robin])
def test_the_nearest_node_comes_first_whatever_its_load(variant):
    assert numa.fallback_nodes(around(4, RING), variant) == [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]


@pytest.mark.parametrize("variant", [by_load, round_robin])
def test_memory_only_nodes_win_ties(variant):
    nodes = (Node(memory=16 * MiB), Node(memory=16 * MiB), Node(memory=16 * MiB, cpus=0))
    assert numa.fallback_nodes(Machine(nodes=nodes), variant)[0] == [0, 2, 1]


def zones(machine: Machine, by_zone: bool) -> list[tuple[int, str]]:
    listed = numa.zones_of(machine)
    return [(listed[z].node, numa.ZONE_NAMES[listed[z].kind]) for z in numa.zonelist(machine, [0, 1], by_zone)]


def test_zone_order_keeps_dma32_for_last():
    machine = Machine(nodes=(Node(memory=16 * GiB), Node(memory=16 * GiB)))
    normal, low = [(0, "Normal"), (1, "Normal")], [(0, "DMA32"), (0, "DMA")]
    assert zones(machine, True) == normal + low
    assert zones(machine, False) == [normal[0], *low, normal[1]]


@pytest.mark.parametrize(
    ("sizes", "setting", "wanted"),
    [
        ((16, 16), "default", True),
        ((16, 16), None, False),  # no such setting: since 4.14
        ((16, 16), "node", False),
        ((3, 3), "zone", True),
        ((16,), "default", False),  # one node
        ((3, 3), "default", False),  # low zones are more than half of all memory
        ((5, 11), "default", True),  # low zones are 4/5 of the first node, but that is a small one
        ((6, 9), "default", True),
        ((5, 5, 5), "default", False),  # 4/5 of a node of a more than average share
        ((4, 12), "default", False),  # node 0 has no Normal zone
    ],
)
def test_when_3_1_chose_zone_order(sizes, setting, wanted):
    machine = Machine(nodes=tuple(Node(memory=size * GiB) for size in sizes))
    assert numa.zone_order_wanted(machine, setting) is wanted


@pytest.mark.parametrize(
    ("bandwidths", "weights"),
    [
        ((80, 80), [1, 1]),
        ((80, 40), [21, 10]),
        ((90, 30), [3, 1]),
        ((200, 200, 50), [14, 14, 3]),
        ((100, 100, 50), [2, 2, 1]),
        ((1000, 1), [31, 1]),
    ],
)
def test_interleave_weights_from_bandwidth(bandwidths, weights):
    machine = Machine(nodes=tuple(Node(memory=16 * MiB, bandwidth=rate * GB_S) for rate in bandwidths))
    assert numa.automatic_weights(machine) == weights


@pytest.mark.parametrize("age", [0, 1, 12345, (1 << 40) - 1])
@pytest.mark.parametrize(("memcg", "node", "workingset"), [(0, 0, 0), (64, 15, 1), (1, 3, 0)])
def test_shadows_round_trip(age, memcg, node, workingset):
    value = shadow.pack(age, memcg, node, workingset)
    assert value < 0
    found = shadow.age_of(value), shadow.memcg_of(value), shadow.node_of(value), shadow.was_workingset(value)
    assert found == (age, memcg, node, workingset)


def test_the_age_in_a_shadow_wraps():
    assert shadow.age_of(shadow.pack((1 << 40) + 7, 1, 2, 0)) == 7


@pytest.mark.parametrize(
    ("size", "largest", "window"),
    [(1, 32, 4), (2, 32, 4), (3, 32, 8), (4, 32, 8), (8, 32, 16), (9, 32, 32), (16, 32, 32), (64, 32, 32),
     (1, 1024, 4), (16, 1024, 64), (32, 1024, 128), (33, 1024, 128), (256, 1024, 512), (257, 1024, 1024)],
)  # fmt: skip
def test_first_readahead_window(size, largest, window):
    assert file_readahead.initial_window(size, largest) == window


@pytest.mark.parametrize(
    ("size", "largest", "window"),
    [(1, 32, 4), (2, 32, 4), (4, 32, 8), (8, 32, 16), (16, 32, 32), (17, 32, 32), (32, 32, 32),
     (63, 1024, 252), (64, 1024, 128), (512, 1024, 1024), (513, 1024, 1024)],
)  # fmt: skip
def test_next_readahead_window(size, largest, window):
    assert file_readahead.next_window(size, largest) == window


@pytest.mark.parametrize(("distance", "expected"), [(((10, 20), (20, 10)), 0), (((10, 31), (31, 10)), 1)])
def test_3_1_reclaims_zones_between_distant_nodes(distance, expected):
    from tests.model.cells import machine_of, one

    built = machine_of(one("3.1", around(2, distance)))
    assert alloc_settings(built.memory.m).zone_reclaim_mode == expected
    assert alloc_settings(machine_of(one("6.18", around(2, distance))).memory.m).zone_reclaim_mode == 0


def test_a_variants_module_can_be_had_by_axis():
    assert registry.load("watermarks", Variant(variant="quarters")) is quarters
