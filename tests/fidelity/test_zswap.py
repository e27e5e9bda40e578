"""What goes through zswap, is refused, and written by it, against a guest's counters."""

import pytest

from tests.fidelity.zswap import LENGTH, PACES, QUANTITIES, error, recorded, section, simulated, span

STEADY = ("pswpout", "pswpin", "nr_vmscan_write", "pgscan_anon", "pgsteal_anon")


@pytest.mark.parametrize("name", [f"{phase}.{quantity}" for phase in ("write", "read") for quantity in STEADY])
def test_swapped_and_scanned_pages_are_the_kernels(name: str) -> None:
    assert abs(error(name, simulated()[name])) < 0.02


@pytest.mark.parametrize("name", ["write.zswpout", "write.zswpwb", "read.zswpout", "read.zswpwb"])
def test_what_is_stored_and_written_is_off_by_less_than_repeats_differ(name: str) -> None:
    least, most = span(name)
    assert abs(error(name, simulated()[name])) < max(most / least - 1, 0.01)


@pytest.mark.parametrize("phase", ["write", "read"])
def test_the_pool_ends_as_large_and_as_dense(phase: str) -> None:
    """11 pages to 6 frames: a page more or less of a zspage is 0.3 % of the pool."""
    pages, size = simulated()[f"{phase}.stored_pages"], simulated()[f"{phase}.pool_total_size"]
    least, most = span(f"{phase}.pool_total_size")
    assert least * 0.97 < size < most * 1.03
    dense = [repeat[f"{phase}.pool_total_size"] / repeat[f"{phase}.stored_pages"] for repeat in recorded()]
    assert size / pages == pytest.approx(sum(dense) / len(dense), rel=0.005)
    assert size / pages == pytest.approx(6 * 4096 / 11, rel=0.005) and LENGTH < 6 * 4096 / 11


def test_how_often_the_pool_is_found_full_goes_by_the_scheduler() -> None:
    """The worker owes what it has run under EEVDF, and gets the CPU later for it; under CFS it owes nothing."""
    eevdf, cfs = (simulated(scheduler=name)["write.pool_limit_hit"] for name in ("EEVDF", "CFS"))
    (found,) = {repeat["write.pool_limit_hit"] for repeat in recorded() if "write.pool_limit_hit" in repeat}
    assert found < cfs < 1.3 * found and eevdf > 1.5 * found


def test_another_pace_moves_what_is_stored_not_what_is_swapped() -> None:
    for pace in PACES:
        assert abs(error("write.nr_vmscan_write", simulated(pace)["write.nr_vmscan_write"])) < 0.01
        assert abs(error("write.zswpout", simulated(pace)["write.zswpout"])) < 0.08


def test_the_table_tells_every_quantity() -> None:
    assert all(doc in section() for doc in QUANTITIES.values())
    assert f"{recorded()[0]['write.zswpwb']:,.0f}" in section()
