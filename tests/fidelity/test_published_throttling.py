"""The published throttling table: its rows, and the cells that rebuild them."""

from dataclasses import replace

from mmrun.model.units import GiB, MiB
from tests.fidelity.published import Compared
from tests.fidelity.published_throttling import MISSING, TABLE, figures, outside_noise, written


def test_every_row_is_rebuilt_by_a_pair_that_differs_in_throttling_alone():
    rows = list(figures())
    assert len(rows) == 60 and {setup for setup, _, _ in TABLE} == set(MISSING)
    for row in rows:
        before, after = row.cells
        assert before.kernel == "3.1" and replace(after, policy={}) == before
        assert after.policy["dirty_throttling"].variant == "io-less"
        disks = before.machine.disks.values()
        assert all(task.count * task.stream.params["size"] <= 1100 * GiB for task in before.tasks.values()) and disks
    stick = rows[0].cells[0]
    assert (stick.vm.dirty_bytes, stick.vm.dirty_background_bytes) == (50 * MiB, 25 * MiB)
    assert len(next(row for row in rows if row.case.startswith("10 disks")).cells[0].tasks) == 10


def test_throughput_and_the_count_outside_noise():
    assert written({"nr_written": 1000, "elapsed_ns": 4_096_000}) == 1000
    rows = [replace(row, before=100, after=after) for row, after in zip(figures(), (101, 110, 90), strict=False)]
    found = [Compared(row, 1, 2) for row in rows]
    assert outside_noise(found) == "Of the 2 changes of more than 2 %, 1."
