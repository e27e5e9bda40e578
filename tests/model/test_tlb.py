"""The kernel clears accessed bits without flushing the TLB: a page in use stays unmarked until its entry goes."""

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.description import Cgroup
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_YOUNG
from mmrun.model.units import MS, PAGE
from tests.model.cells import ZRAM, mapped_frame, one, reads, run, sampled, writes
from tests.model.cells import machine as machine_with

HOT = np.arange(50)
NEVER = 1 << 60


def young(built: Built) -> int:
    """How many of the hot pages are marked; the marks are then cleared behind the TLB's back."""
    words = built.memory.table("pte")
    marked = int(((words[HOT] & PTE_YOUNG) != 0).sum())
    words[HOT] &= ~PTE_YOUNG
    return marked


@pytest.mark.parametrize(("interval", "again"), [(None, 50), (0, 50), (NEVER, 0), (1, 50)])
def test_an_access_marks_its_page_only_when_the_translation_is_looked_up(interval, again):
    """Between two samples every hot page is read and one fresh page enters the kernel, where the CPU may turn away."""
    events = np.concatenate([np.append(HOT, 50 + i) for i in range(6)])
    host = machine_with(16, tlb_flush=interval)
    seen = run(one("6.18", host, sampling=sampled(51)), writes(events), probe=young).seen
    assert seen[1:5] == [again] * 4


def test_a_store_to_a_clean_page_is_looked_up():
    host = machine_with(16, tlb_flush=NEVER)
    events = np.concatenate([writes(HOT), reads(HOT), writes(HOT)])

    def clean(built: Built) -> int:
        built.memory.table("pte")[HOT] &= ~PTE_DIRTY
        return young(built)

    assert run(one("6.18", host, sampling=sampled(50)), events, probe=clean).seen == [50, 0, 50]


def test_a_page_that_leaves_takes_its_entry_along_and_hot_pages_look_idle():
    """A hot set and a scan that does not fit: the staler the bits, the more of the hot set is taken by mistake."""
    scan = 300 + np.arange(6000)
    mixed = np.concatenate([np.concatenate([np.arange(300), part]) for part in np.split(scan, 60)])
    faults = {}
    for interval in (None, MS, NEVER):
        host = machine_with(64, swap=ZRAM, tlb_flush=interval)
        cell = one("6.18", host, cgroups={"g": Cgroup(max=700 * PAGE)})
        done = run(cell, writes(mixed))
        faults[interval] = done.metrics["pgmajfault"]
        assert mapped_frame(done.built, 299) is not None
    assert faults[None] <= faults[MS] <= faults[NEVER] and faults[NEVER] > faults[None]
