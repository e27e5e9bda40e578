"""What reclaim looks ahead at: the pages next in line, as far as it says."""

import numpy as np
import pytest

from mmrun.model.mm.lru.ahead import MOST
from mmrun.model.mm.reclaim.state import ahead
from tests.model.cells import READ, machine, on_list, one, reads, run, sampled

ORDER = np.random.default_rng(0).permutation(6000)


def ahead_of_tail(built):
    """(pages the look is said to be ahead of the inactive file list's tail, pages it is); None when it rests."""
    look = ahead(built.memory.m)[2]
    if look.lruvec == 0:
        return None
    line = on_list(built, int(look.lruvec) - 1, 2)[::-1]
    return int(look.by), line.index(int(look.next))


@pytest.mark.parametrize("era", ["3.15", "6.18"])
def test_the_look_ahead_is_where_it_says(era):
    done = run(one(era, machine(16), READ, sampling=sampled(7)), reads(ORDER), probe=ahead_of_tail)
    seen = [found for found in done.seen if found]
    assert len(seen) > 200 and max(said for said, _ in seen) == MOST
    assert all(said == there for said, there in seen)
