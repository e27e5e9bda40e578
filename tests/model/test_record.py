"""State by address: accessors inside kernels and outside, numbers that are refused, tables of hooks."""

import gc

import numpy as np
import pytest

from mmrun.model.core.jit import kernel
from mmrun.model.core.mechanism import SLOTS, hooks, joined
from mmrun.model.core.memory import Memory
from mmrun.model.core.record import ADDRESSES, DECLARED, MACHINE, free_number, one, row, table
from mmrun.model.hooks import HOOK_INDEX
from mmrun.model.mm.idle.state import damon, damon_regions
from mmrun.model.mm.page.state import frames, pcps


@kernel
def write_everywhere(m, cpu, zone, pfn):
    pcps(m)[cpu, zone].count = 7
    frames(m)[pfn].owner = 5
    damon(m).nr += 2
    return len(frames(m)) * 1000 + damon(m).nr


def test_kernels_and_plain_python_see_the_same_state():
    memory = Memory(frames=6, pcps=(2, 3), damon_regions=4)
    m = memory.m
    damon(m).nr = 1
    assert write_everywhere(m, 1, 2, 4) == 6003
    assert damon(m).nr == 3 and frames(m)[4].owner == 5 and frames(m)["owner"].sum() == 5
    assert pcps(m).shape == (2, 3) and pcps(m)["count"].tolist() == [[0, 0, 0], [0, 0, 7]]
    assert memory.table("pcps")[1, 2].count == 7 and np.shares_memory(memory.table("frames"), frames(m))
    assert len(damon_regions(m)) == 4


def test_two_machines_do_not_share_state():
    first, second = Memory(frames=3), Memory(frames=3)
    frames(first.m)[0].owner = damon(first.m).nr = 9
    assert frames(second.m)[0].owner == 0 and damon(second.m).nr == 0


def test_whoever_holds_a_part_of_a_machine_may_go_on_using_it():
    """Also when nobody holds the machine any more."""
    m, table = Memory(frames=3).m, frames(Memory(frames=100_000).m)
    gc.collect()
    damon(m).nr, table[99_999].owner = 8, 9
    assert damon(m).nr == 8 and table["owner"].sum() == 9
    with pytest.raises(TypeError, match="not the record of a machine"):
        frames(np.zeros(1, dtype=MACHINE).view(np.recarray)[0])


def test_records_and_tables_do_not_overlap():
    memory = Memory(**{accessor.name: (3, 5) if accessor.dimensions == 2 else 15
                       for accessor in DECLARED.values() if accessor.dimensions})  # fmt: skip
    for number in DECLARED:
        memory.table(DECLARED[number].name).view(np.uint8)[...] = number % 251
    for number in DECLARED:
        assert (memory.table(DECLARED[number].name).view(np.uint8) == number % 251).all(), DECLARED[number]


def test_a_taken_number_or_name_is_refused_and_a_free_one_named():
    taken, free = frames.number, free_number(frames.number)
    with pytest.raises(ValueError, match=f"mine: frames has address {taken}; {free} is free"):
        table(taken, "mine", "i8")
    with pytest.raises(ValueError, match="there is a table or record frames already"):
        one(free, "frames", row(a="i8"))
    with pytest.raises(ValueError, match=f"mine: address {ADDRESSES} is not among"):
        one(ADDRESSES, "mine", row(a="i8"))
    assert free not in DECLARED


def test_a_table_nobody_declared_is_refused():
    with pytest.raises(KeyError, match="no table framez"):
        Memory(framez=3)


def test_hooks_have_slots_of_their_own():
    assert len(set(HOOK_INDEX.values())) == len(HOOK_INDEX) and max(HOOK_INDEX.values()) < SLOTS


def test_a_slot_that_is_taken_or_beyond_the_table_is_refused():
    first = hooks("kswapd", 64, ("a", "", "0"), ("b", "", "0"))
    assert [spec.slot for spec in joined({"one": first}).values()] == [64, 65]
    with pytest.raises(ValueError, match="no slot for the hook c of other: 65 is b"):
        joined({"one": first, "other": hooks("lru", 65, ("c", "", "0"))})
    with pytest.raises(ValueError, match="no slot for the hook a of other: 70 is there already"):
        joined({"one": first, "other": hooks("lru", 70, ("a", "", "0"))})
    with pytest.raises(ValueError, match=f"no slot for the hook h1 of last: {SLOTS} is beyond the table"):
        joined({"last": hooks("lru", SLOTS - 1, ("h0", "", "0"), ("h1", "", "0"))})
