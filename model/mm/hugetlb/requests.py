"""Writes to vm.nr_hugepages and vm.nr_overcommit_hugepages while the machine runs: requests of a task."""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook
from mmrun.model.mm.hugetlb.events import GIGANTIC_BIT
from mmrun.model.mm.hugetlb.pool import set_max
from mmrun.model.mm.hugetlb.state import GIB1, MIB2, pools


@hook
def set_nr_hugepages(m, t, argument):
    set_max(m, GIB1 if argument & GIGANTIC_BIT else MIB2, argument & GIGANTIC_BIT - 1)
    return OK


@hook
def set_nr_overcommit(m, t, argument):
    pools(m)[MIB2].overcommit = argument
    return OK
