"""Huge pages: faults, splits, swapping, and what holds throughout."""

from dataclasses import replace

import pytest

from mmrun.model.description import Cell, Sysctl
from tests.model.cells import machine, one, run, writes

ALWAYS = Sysctl(transparent_hugepage="always")


def cell(kernel: str = "6.12", memory: int = 64, vm: Sysctl = ALWAYS, **more) -> Cell:
    return replace(one(kernel, machine(memory, **more)), vm=vm)


@pytest.mark.parametrize("kernel", ["2.6.38", "3.15", "4.4", "4.19", "5.15", "6.12", "6.18+mglru"])
def test_a_huge_page_a_fault_on_an_empty_machine(kernel: str):
    done = run(cell(kernel), writes(range(10 * 512)))
    assert done.metrics["thp_fault_alloc"] == done.metrics["nr_anon_transparent_hugepages"] == 10
    assert done.metrics["pgfault"] == 10 and done.metrics["first_touches"] == 5120
    assert done.metrics["nr_page_table_pages"] == 10 and done.metrics["thp_fault_fallback"] == 0
