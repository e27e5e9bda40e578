"""Whether so much is dirty that flushers write in the background."""

from model.jit import kernel

BACKGROUND_RATIO = 10  # vm.dirty_background_ratio


@kernel
def over_background(m, w):
    """Whether more than a tenth of dirtyable memory is dirty."""
    available = 0
    for z in range(m.cfg.nr_zones):
        available += m.zones[z].nr_free + m.zones[z].nr_file
    return m.vm.nr_dirty + m.vm.nr_unstable > available * BACKGROUND_RATIO // 100
