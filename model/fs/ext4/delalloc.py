"""Whether blocks may be allocated later: not where there is hardly space for those promised (ext4_nonda_switch)."""

from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel
from mmrun.model.fs.jbd2.state import journals
from mmrun.model.machine.state import geometry
from mmrun.model.mm.writeback.state import bdis
from mmrun.model.mm.writeback.writeback import start_background

DELAYS, KICK = 1, 2


@kernel
def percpu_counter_batch(cpus):
    """How far a CPU's part of a counter may grow before it is added to the sum (lib/percpu_counter.c)."""
    return max(32, 2 * cpus)


@kernel
def nonda_switch(free, delayed, cpus):
    """DELAYS where blocks may be allocated later, and KICK where the file system is to be written meanwhile.

    `free`, `delayed`: clusters.
    """
    answer = KICK if delayed and free < 2 * delayed else 0
    watermark = 4 * percpu_counter_batch(cpus) * cpus
    if 2 * free < 3 * delayed or free < delayed + watermark:
        return answer
    return answer | DELAYS


@kernel
def may_delay(m, j):
    """Whether the journal's file system delays allocation now; where space is short its flusher is woken."""
    journal = journals(m)[j]
    if not journal.delalloc:
        return False
    free = disks(m)[journal.disk].nr_blocks - journal.allocated
    answer = nonda_switch(free, journal.delayed, geometry(m).online_cpus)
    if answer & KICK:
        start_background(m, bdis(m)[journal.disk].first_wb)
    return answer & DELAYS > 0
