"""What the variants decide, hook by hook."""

import pytest

from mmrun.model import registry
from mmrun.model.core.jit import caller
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Variant
from mmrun.model.machine.state import nodes
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.lru import shadow
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, workingset_count
from mmrun.model.mm.page.flags import ACTIVE, ANON, REFERENCED, WORKINGSET
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.mm.reclaim.kswapd import NAP_NS
from mmrun.model.mm.swap.swap import window as window_of
from mmrun.model.mm.swap.swap import window_first, window_pages
from tests.model.actors import Entered, begin_anew, kswapd_of, life
from tests.model.cells import ERAS, ZRAM, call, machine, machine_of, one

kswapd_try_to_sleep = caller("kswapd_try_to_sleep")
OLD, NEW = ("3.1", "3.15", "4.19", "5.8"), ("5.15", "6.18")


def judged(era: str, flags: int, young: int, executable: int) -> tuple[int, bool]:
    built = machine_of(one(era, machine(16)))
    page = built.memory.table("frames")[100]
    page.state = flags
    return call(built, "check_references", 100, young, executable), bool(page.state & REFERENCED)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("flags", "young", "executable", "old", "new"),
    [
        (ANON, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (ANON | REFERENCED, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (ANON, 1, 0, ACTIVATE, KEEP),
        (ANON | REFERENCED, 1, 0, ACTIVATE, ACTIVATE),
        (0, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (REFERENCED, 0, 0, RECLAIM_CLEAN, RECLAIM_CLEAN),
        (0, 1, 0, KEEP, KEEP),
        (REFERENCED, 1, 0, ACTIVATE, ACTIVATE),
    ],
)
def test_what_becomes_of_a_page_at_the_inactive_tail(era, flags, young, executable, old, new):
    """A referenced anonymous page is activated at once until 5.8; later it gets a second chance like a file page."""
    verdict, marked = judged(era, flags, young, executable)
    assert verdict == (old if era in OLD else new)
    assert marked == bool(young and not (era in OLD and flags & ANON)), "the mark is cleared unless it was seen young"


@pytest.mark.parametrize("era", ERAS)
def test_several_mappings_or_code_activate_a_file_page_since_3_4(era):
    assert judged(era, 0, 2, 0)[0] == (KEEP if era == "3.1" else ACTIVATE)
    assert judged(era, 0, 1, 1)[0] == (KEEP if era == "3.1" else ACTIVATE)


SIZES = {0: 5, 1: 7, 2: 11, 3: 50}


def refaulted(era: str, anon: bool, distance: int, swap: bool, workingset: int = 0):
    """A page comes back `distance` after its eviction, to lists of SIZES; (activated, workingset, machine)."""
    built = machine_of(one(era, machine(16, **({"swap": ZRAM} if swap else {}))))
    for lru, size in SIZES.items():
        built.memory.table("lruvecs")[0].lists[lru].n = zones_of(built.memory.m)[0].nr_lru[lru] = size
    built.memory.table("lruvecs")[0].nonresident_age = 1000
    page = built.memory.table("frames")[100]
    page.state = ANON if anon else 0
    call(built, "refault", 100, shadow.pack(1000 - distance, 0, 0, workingset))
    return bool(page.state & ACTIVE), bool(page.state & WORKINGSET), built


@pytest.mark.parametrize("era", NEW)
@pytest.mark.parametrize(
    ("anon", "swap", "size"),
    [(False, False, 50), (False, True, 50 + 7 + 5), (True, False, 50 + 11), (True, True, 50 + 11 + 7)],
)
def test_a_refault_within_the_workingset_activates(era, anon, swap, size):
    for distance, expected in ((0, True), (size, True), (size + 1, False)):
        activated, _, built = refaulted(era, anon, distance, swap)
        assert activated is expected
        kind = "anon" if anon else "file"
        vm = workingset_count(built.memory.m)
        assert vm[f"workingset_refault_{kind}"] == 1
        assert vm[f"workingset_activate_{kind}"] == int(expected)
        assert built.memory.table("lruvecs")[0].nonresident_age == 1000 + int(expected)


@pytest.mark.parametrize("era", ["3.15", "4.19"])
def test_before_5_8_only_the_active_file_list_counts(era):
    assert refaulted(era, False, 50, True)[0] and not refaulted(era, False, 51, True)[0]


def test_5_8_lets_file_pages_compete_with_anonymous_ones():
    for swap, size in ((False, 50), (True, 50 + 7 + 5)):
        assert refaulted("5.8", False, size, swap)[0] and not refaulted("5.8", False, size + 1, swap)[0]


def test_before_3_15_nothing_is_remembered():
    assert not refaulted("3.1", False, 0, True)[0]


def shadow_of(era: str, anon: bool) -> tuple[int, int]:
    """(nonresident age afterwards, shadow) of a page evicted from the root group at age 1000."""
    built = machine_of(one(era, machine(16, swap=ZRAM)))
    built.memory.table("lruvecs")[0].nonresident_age = 1000
    built.memory.table("frames")[100].state = ANON if anon else 0
    left = call(built, "evict", 100, 0)
    return int(built.memory.table("lruvecs")[0].nonresident_age), left


@pytest.mark.parametrize(("era", "remembers"), [("3.15", 1001), ("4.19", 1001), ("5.15", 1000), ("6.18", 1000)])
def test_a_file_page_leaves_its_age_and_time_passes(era, remembers):
    """Until 5.7 the age is taken after it has advanced, later before."""
    age, left = shadow_of(era, anon=False)
    assert age == 1001 and shadow.age_of(left) == remembers


@pytest.mark.parametrize("era", ERAS)
def test_anonymous_pages_leave_a_shadow_since_5_9(era):
    age, left = shadow_of(era, anon=True)
    assert (age, left < 0) == ((1001, True) if era in NEW else (1000, False))


@pytest.mark.parametrize("era", ["5.8", *NEW])
def test_a_page_of_the_workingset_is_restored(era):
    activated, again, built = refaulted(era, False, 10, True, workingset=1)
    assert activated and again and workingset_count(built.memory.m).workingset_restore_file == 1
    cost = int(built.memory.table("lruvecs")[0].file_cost)
    # One page of I/O counts 32 since 6.2, and is halved because that exceeds a quarter of 73 pages.
    assert cost == {"5.8": 1, "5.15": 1, "6.18": 16}[era]


@pytest.mark.parametrize("era", ["3.15", "4.19"])
def test_before_4_20_a_refault_is_not_known_to_be_of_the_workingset(era):
    activated, again, built = refaulted(era, False, 10, True, workingset=1)
    assert activated and not again and workingset_count(built.memory.m).workingset_restore_file == 0


def scan(era: str, sizes: list[int], priority: int, **fields) -> list[int]:
    """What scan_count puts into sc.nr for a global scan of a lruvec with lists of these sizes."""
    built = machine_of(one(era, machine(16, swap=ZRAM)))
    sc = built.memory.table("scans")[0]
    sc.priority, sc.may_swap, sc.swappiness, sc.kswapd = priority, 1, 60, 0
    for lru, size in enumerate(sizes):
        built.memory.table("lruvecs")[0].lists[lru].n = size
    for name, value in fields.items():
        setattr(sc, name, value)
    call(built, "scan_count", 0)
    return [int(n) for n in sc.nr]


MILLION = [1_000_000] * 4


@pytest.mark.parametrize("era", NEW)
def test_scan_counts_at_priority_12_by_cost(era):
    equal = {"anon_cost": 1000, "file_cost": 1000}
    assert scan(era, MILLION, 12, **equal) == [244 * 119 // 398] * 2 + [244 * 279 // 398] * 2 == [72, 72, 171, 171]
    assert scan(era, MILLION, 12, file_cost=1000) == [244 * 179 // 388] * 2 + [244 * 209 // 388] * 2
    assert scan(era, MILLION, 10, **equal)[2] == 976 * 279 // 398


@pytest.mark.parametrize("era", NEW)
def test_exceptions_to_the_balance_in_their_order(era):
    assert scan(era, MILLION, 12, may_swap=0) == [0, 0, 244, 244]
    assert scan(era, MILLION, 0) == MILLION, "the last priority scans all"
    assert scan(era, MILLION, 0, swappiness=0)[:2] == [0, 0]
    assert scan(era, MILLION, 12, file_is_tiny=1, cache_trim=1) == [244, 244, 0, 0]
    assert scan(era, MILLION, 12, cache_trim=1) == [0, 0, 244, 244]
    assert scan(era, MILLION, 12, memcg=0, swappiness=200, anon_cost=5, file_cost=5)[2:] == [0, 0]
    assert scan(era, [4095, 4096, 8191, 0], 12, may_swap=0) == [0, 0, 1, 0]


def test_scan_counts_of_3_1():
    """Shares 61 and 141 of 203; kswapd scans its share of a batch where a list comes to nothing, a task does not."""
    assert scan("3.1", MILLION, 12) == [244 * 61 // 203] * 2 + [244 * 141 // 203] * 2
    assert scan("3.1", [1000, 1000, 1000, 8000], 12) == [0, 0, 0, 0]
    batch = [32 * 61 // 203] * 2 + [32 * 141 // 203] * 2
    assert scan("3.1", [1000, 1000, 1000, 9000], 12, kswapd=1)[:3] == batch[:3]
    assert scan("3.1", [0, 0, 0, 0], 12, kswapd=1) == batch
    assert scan("3.1", [1 << 12] * 4, 12, kswapd=1) == batch, "1 page shared out is nothing"
    assert scan("3.1", MILLION, 0) == MILLION
    assert scan("3.1", MILLION, 12, may_swap=0) == [0, 0, 244, 244]
    assert scan("3.1", [0, 0, 0, 0], 0, may_swap=0, kswapd=1) == [0, 0, 32, 32]


@pytest.mark.parametrize("era", ["3.15", "4.19"])
def test_scan_counts_by_rotation_since_3_5(era):
    """The plain swappiness, and file pages only while the inactive file list is long enough."""
    assert scan(era, MILLION, 12) == [0, 0, 244, 244]
    many_active = [1_000_000, 1_000_000, 1_000_000, 61_000_000]
    assert scan(era, many_active, 12)[:3] == [244 * 60 // 201] * 2 + [244 * 140 // 201]
    assert scan(era, MILLION, 0) == MILLION
    assert scan(era, MILLION, 0, swappiness=0)[:2] == [0, 0]
    assert scan(era, MILLION, 12, may_swap=0) == [0, 0, 244, 244]


def recent(era: str, scanned: list[int], rotated: list[int], sizes: list[int]):
    """recent_scanned and recent_rotated after a global scan count at priority 12."""
    built = machine_of(one(era, machine(16, swap=ZRAM)))
    vec, sc = built.memory.table("lruvecs")[0], built.memory.table("scans")[0]
    sc.priority, sc.may_swap, sc.swappiness, sc.kswapd = 12, 1, 60, 0
    for lru, size in enumerate(sizes):
        vec.lists[lru].n = size
    vec.recent_scanned[:], vec.recent_rotated[:] = scanned, rotated
    call(built, "scan_count", 0)
    return [*map(int, vec.recent_scanned)], [*map(int, vec.recent_rotated)]


@pytest.mark.parametrize("era", ["3.1", "3.15", "4.19"])
def test_what_was_scanned_counts_half_when_it_exceeds_a_quarter_of_the_lists(era):
    sizes = [2000, 2000, 400, 3600]  # the active file list is long, so that the balance is struck at all
    assert recent(era, [1000, 1000], [500, 300], sizes) == ([1000, 1000], [500, 300]), "a quarter is not too much"
    assert recent(era, [1001, 1000], [501, 300], sizes) == ([500, 1000], [250, 300])
    assert recent(era, [1000, 1003], [500, 7], sizes) == ([1000, 501], [500, 3])


def test_3_1_does_not_halve_what_it_does_not_look_at():
    assert recent("3.1", [10, 10], [1, 1], [0, 0, 0, 0]) == ([5, 5], [0, 0])
    built = machine_of(one("3.1", machine(16)))
    vec, sc = built.memory.table("lruvecs")[0], built.memory.table("scans")[0]
    sc.priority, sc.may_swap, vec.recent_scanned[1] = 12, 0, 10
    call(built, "scan_count", 0)
    assert vec.recent_scanned[1] == 10, "without swap there is nothing to balance"


def rounds(era: str, nr: list[int], targets: list[int], reclaimed: int, memcg: int = 1, **params):
    """(answer, sc.nr) of after_round twice in a row, `reclaimed` of 32 wanted pages in."""
    policy = {"lru": Variant(variant=registry.eras()[era].policy["lru"], params=params)} if params else {}
    built = machine_of(one(era, machine(16, swap=ZRAM), policy=policy))
    sc = built.memory.table("scans")[0]
    sc.memcg, sc.priority, sc.nr_to_reclaim, sc.round_reclaimed, sc.kswapd = memcg, 12, 32, reclaimed, 0
    call(built, "scan_count", 0)
    sc.nr[:], sc.targets[:] = nr, targets
    answers = [call(built, "after_round", 0), call(built, "after_round", 0)]
    return answers, [int(n) for n in sc.nr]


TARGETS, LEFT = [100, 50, 400, 200], [68, 18, 368, 168]


@pytest.mark.parametrize("era", ["3.15", "4.19", "5.8", *NEW])
def test_with_enough_pages_the_rest_is_cut_in_proportion(era):
    """Anonymous: 86 of 151 left, 56 %; so of 400 and 200 file pages 44 % are scanned, and 32 of each already were."""
    answers, left = rounds(era, LEFT, TARGETS, 32)
    assert left == [0, 0, 400 * 44 // 100 - 32, 200 * 44 // 100 - 32]
    assert answers == [0, 1 if era == "6.18" else 0], "until 6.0 the rest is scanned whatever it gives"
    assert rounds(era, LEFT, TARGETS, 31) == ([0, 0], LEFT)


@pytest.mark.parametrize("era", ["4.19", "5.8", *NEW])
def test_reclaim_stops_when_one_kind_is_done(era):
    assert rounds(era, [0, 0, 368, 168], [0, 0, 400, 200], 32)[0][0] == 1
    assert rounds(era, LEFT, TARGETS, 100, memcg=0) == ([0, 0], LEFT), "a direct reclaimer's first pass is whole"


def test_3_15_shrank_all_of_one_kind_when_the_other_was_done():
    assert rounds("3.15", [68, 18, 0, 0], [100, 50, 0, 0], 32) == ([0, 0], [68, 18, 0, 0])
    assert rounds("3.15", [68, 18, 0, 0], [100, 50, 0, 0], 32, stop_at_zero=True)[0][0] == 1
    assert rounds("3.15", LEFT, TARGETS, 32, memcg=0)[0][0] == 1, "a direct reclaimer stops"


@pytest.mark.parametrize(
    ("era", "scanned", "reclaimed", "paged_out", "cost"),
    [("6.18", 32, 2, 0, 30), ("6.18", 32, 0, 2, 96), ("5.15", 32, 2, 0, 0), ("5.15", 32, 0, 2, 2)],
)
def test_costs_grow_by_io_and_rotation_and_halve_beyond_a_quarter_of_the_lists(
    era, scanned, reclaimed, paged_out, cost
):
    """A page written costs 32 rotated ones since 6.2; before, only I/O counts."""
    built = machine_of(one(era, machine(16, swap=ZRAM)))
    vec = built.memory.table("lruvecs")[0]
    for lru in range(4):
        vec.lists[lru].n = zones_of(built.memory.m)[0].nr_lru[lru] = 500
    vec.anon_cost, vec.file_cost = 100, 400
    call(built, "note_inactive", 0, 0, scanned, reclaimed, paged_out)
    assert (int(vec.anon_cost), int(vec.file_cost)) == ((100 + cost, 400) if cost == 0 else ((100 + cost) // 2, 200))
    vec.anon_cost, vec.file_cost = 100, 300
    call(built, "note_inactive", 0, 0, scanned, reclaimed, paged_out)
    assert (int(vec.anon_cost), int(vec.file_cost)) == (100 + cost, 300), "at most 500, a quarter of 2000 pages"


@pytest.mark.parametrize("era", ERAS)
def test_the_active_anon_list_is_left_alone_without_swap(era):
    built = machine_of(one(era, machine(16)))
    built.memory.table("lruvecs")[0].lists[1].n = 100
    assert call(built, "age_anon", 0) == 0


def test_aligned_swap_readahead_reads_the_block_around_the_slot():
    built = machine_of(one("3.4", machine(16, swap=ZRAM)))
    for slot, first in ((0, 0), (7, 0), (8, 8), (21, 16)):
        assert call(built, "swap_window", 0, 5, slot) == window_of(first, 8)


def test_adaptive_swap_readahead_grows_with_hits_and_faces_the_direction_of_faults():
    built = machine_of(one("6.18", machine(16, swap=ZRAM)), pages=64)
    region = built.memory.table("regions")[0]

    def window(at: int, hits: int) -> tuple[int, int]:
        region.swap_hits = hits
        answer = call(built, "swap_window", 0, at, 99)
        return window_pages(answer), window_first(answer)

    assert window(20, 0) == (1, 20)
    assert window(21, 0) == (2, 21), "adjacent upwards: the window begins here"
    assert window(20, 0) == (2, 19), "adjacent downwards: it ends here"
    assert window(40, 2) == (4, 39), "elsewhere: around"
    assert window(50, 5) == (8, 47)
    assert window(10, 0) == (4, 9), "half the last window at least"
    assert window(30, 0)[0] == 2 and window(50, 0)[0] == 1


@life
def end_of_run(m, nid):
    """What kswapd does between two runs."""
    kswapd_try_to_sleep(m, nid)
    return 0


@pytest.mark.parametrize("era", ERAS)
def test_kswapd_sleeps_when_any_zone_is_above_high_or_all_are(era):
    built = machine_of(one(era, machine(64)))
    zones, node = zones_of(built.memory.m), nodes(built.memory.m)[0]

    daemon = kswapd_of(built)
    node.kswapd_last = node.first_zone + node.nr_zones - 1  # where the last run ended
    zones["nr_lru"][:, 2] = 1000  # a zone without pages to reclaim is given up, so balanced (zone_reclaimable, 3.12)

    def sleeps() -> bool:
        """Whether the daemon, at the end of its nap if it takes one, goes to sleep instead of starting over."""
        nap = Entered(built, daemon, end_of_run, 0)
        if nap.until:
            assert nap.until - built.memory.m.now == timeout_ns(built.memory.m, NAP_NS)
            nap.go_on(nap.until)
        if nap.until:
            assert nap.until == FOREVER
            begin_anew(built, daemon, node.kswapd_wait)
            return True
        return False

    assert sleeps()
    zones[1].nr_free = zones[1].wmark_high
    assert sleeps() is (era not in ("3.1", "3.15")), "DMA alone satisfies the later rule"
    zones[0].nr_free = zones[0].wmark_high
    assert not sleeps()
