"""The set-ups behind the published tables on reclaim, and what the tables rest on: kswapd that meets dirty pages."""

from statistics import mean

from mmrun.model.api import simulate
from mmrun.model.units import GiB, KiB, MiB
from tests.fidelity.published_reclaim import (
    BY_KSWAPD,
    EFFICIENCY,
    MARKED,
    MISSING,
    WRITTEN,
    table_a,
    table_b,
    table_c,
    table_d,
    table_e,
)
from tests.fidelity.reclaim_cells import FILE, ONE_TO_EIGHT, ONE_TO_SEVEN, fsmark, mmap_strm, posted


def test_every_reason_given_is_that_of_a_row():
    figures = [figure for make in (table_a, table_b, table_c, table_d, table_e) for figure in make()]
    for begin, quantity in MISSING:
        assert any(f.case.startswith(begin) and f.quantity == quantity and f.missing for f in figures), begin
    assert len(figures) > 60


def test_threads_of_fake_nodes():
    """Sixty-four threads on the four nodes that have a CPU; files of 10 MiB, three times memory in all."""
    cell = posted(fsmark(4 * GiB, 64), 4 * GiB, 8)
    assert [node.cpus for node in cell.machine.nodes] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert [(task.node, task.count) for task in cell.tasks.values()] == [(0, 16), (1, 16), (2, 16), (3, 16)]
    each = cell.tasks["fsmark-0"].stream.params["size"]
    assert each % FILE == 0 and 0.9 < 64 * each / (12 * GiB) <= 1
    assert [task.count for task in posted(mmap_strm(4 * GiB), 4 * GiB, 8).tasks.values()] == [1, 1, 1, 1, 1]


def test_kswapd_meets_dirty_pages_on_a_small_machine_and_writes_them_until_it_may_not():
    """How many it meets dirty and how many under writeback is chance: 256 KiB of memory more make 2,500 of 160."""
    load = fsmark(512 * MiB)
    sizes = [512 * MiB + more * 256 * KiB for more in range(-6, 7)]
    vanilla = [simulate(posted(load, size, kernel="3.1")).metrics for size in sizes]
    assert mean(map(BY_KSWAPD, vanilla)) > 500 and min(map(BY_KSWAPD, vanilla)) > 9
    assert all(EFFICIENCY(found) < 70 for found in vanilla), "a third of what it scans is not clean"
    for policy in (ONE_TO_SEVEN, ONE_TO_EIGHT):
        patched = simulate(posted(load, policy=policy, kernel="3.1")).metrics
        assert WRITTEN(patched) <= 9 and MARKED(patched) > 500
