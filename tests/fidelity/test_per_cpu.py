"""Recorded lists through per-CPU lists: the same frames for every operation, failures included."""

import pytest

from mmrun.model.mm.page.state import pcps, zones
from mmrun.model.mm.page.variants.pcp import batch_63
from tests.fidelity.per_cpu import DRAINED, FAILED, LISTS, first_difference, frames_given, recorded


@pytest.mark.parametrize("name", LISTS)
def test_every_operation_gets_the_kernel_s_frame(name):
    """Of the mixed list, in which the vmstat worker drained once, at one of the moments that explain it."""
    what = recorded(name)
    found, built, z = frames_given(what, DRAINED.get(name))
    assert first_difference(what, found) == len(found)
    assert int((found == FAILED).sum()) == int((what.pfns == FAILED).sum())
    assert zones(built.memory.m)[z].boost == what.state["boost"]


def test_the_mixed_list_goes_wrong_where_a_drain_is_left_out():
    """12 reclaimable pages that the list never touches left their per-CPU list in the meantime, and with them whole
    blocks came together. A remote drain of one batch takes just these, where three others are in front of them."""
    what = recorded("e_o0_mix")
    found, built, z = frames_given(what)
    assert first_difference(what, found) == 73_686 and (found == what.pfns).mean() > 0.94
    before, after = (what.lists[key] for key in ("pcp_idx", "pcp_idx_after"))
    lost = [int(rows[rows[:, 1] == 2, 2][0]) for rows in (before, after)]
    assert lost == [21, 9] and int(pcps(built.memory.m)[0, z].batch) == 12 + 3
    assert int(pcps(built.memory.m)[0, z].lists[2].n) == 21


def test_a_drain_elsewhere_explains_nothing():
    """At a moment when other lists hold enough for the batch, the reclaimable pages stay, and the blocks apart."""
    what = recorded("e_o0_mix")
    found, built, z = frames_given(what, 40_000)
    assert first_difference(what, found) < len(found) and int(pcps(built.memory.m)[0, z].lists[2].n) > 9


def test_lists_are_as_large_as_the_kernel_set_them_up():
    for name in LISTS:
        words = recorded(name).state["pcp_before"][0].split()
        told = {words[i]: int(words[i + 1]) for i in range(2, len(words), 2)}
        managed = recorded(name).state["managed"]
        batch, high = batch_63.sizes(managed, 3960, 1)
        assert (told["batch"], told["high_min"]) == (batch, high)
        assert told["high_max"] == batch_63.high_max(managed, batch, 1)
