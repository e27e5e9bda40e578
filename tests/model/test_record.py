"""State by address: accessors inside kernels and outside, numbers that are refused, tables of hooks."""

import gc

import numpy as np
import pytest

from mmrun.model.core.hooks import FIRST_SLOT, HOOK_INDEX, SLOTS, TABLE, Spec, places
from mmrun.model.core.jit import kernel
from mmrun.model.core.memory import Memory
from mmrun.model.core.record import ADDRESSES, DECLARED, MACHINE, free_number, one, row, table
from mmrun.model.mm.idle.state import damon, damon_regions
from mmrun.model.mm.page.state import frames, pcps


@kernel
def write_everywhere(m, cpu, zone, pfn):
    pcps(m)[cpu, zone].n = 7
    frames(m)[pfn].owner = 5
    damon(m).nr += 2
    return len(frames(m)) * 1000 + damon(m).nr


def test_kernels_and_plain_python_see_the_same_state():
    memory = Memory(frames=6, pcps=(2, 3), damon_regions=4)
    m = memory.m
    damon(m).nr = 1
    assert write_everywhere(m, 1, 2, 4) == 6003
    assert damon(m).nr == 3 and frames(m)[4].owner == 5 and frames(m)["owner"].sum() == 5
    assert pcps(m).shape == (2, 3) and pcps(m)["n"].tolist() == [[0, 0, 0], [0, 0, 7]]
    assert memory.table("pcps")[1, 2].n == 7 and np.shares_memory(memory.table("frames"), frames(m))
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
        memory.table(DECLARED[number].name).view(np.uint8)[...] = number
    for number in DECLARED:
        assert (memory.table(DECLARED[number].name).view(np.uint8) == number).all(), DECLARED[number]


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


def test_hooks_have_slots_of_their_own_and_a_new_one_moves_none_of_another_axis():
    assert len(set(HOOK_INDEX.values())) == len(HOOK_INDEX)
    new = {"mine": Spec("kswapd", (), "0")}
    more = places({**new, **TABLE}, FIRST_SLOT)
    assert {name for name in TABLE if more[name] != HOOK_INDEX[name]} == {
        name for name, spec in TABLE.items() if spec.axis == "kswapd"
    }
    assert places({**TABLE, **new}, FIRST_SLOT) == HOOK_INDEX | {"mine": HOOK_INDEX["kswapd_needed"] + 1}


def test_an_axis_with_more_hooks_than_its_room_is_refused():
    many = {f"h{n}": Spec("kswapd", (), "0") for n in range(9)}
    with pytest.raises(ValueError, match="no slot for the hook direct_reclaim: 72 is h8"):
        places({**many, **TABLE}, FIRST_SLOT)
    with pytest.raises(ValueError, match=f"no slot for the hook h1: {SLOTS} is beyond the table"):
        places({name: Spec("last", (), "0") for name in ("h0", "h1")}, {"last": SLOTS - 1})
