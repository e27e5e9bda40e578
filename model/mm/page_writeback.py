"""Dirty page accounting and the thresholds that limit it (mm/page-writeback.c)."""

from model.jit import kernel

FINE = 4096  # ratios in 1/PAGE_SIZE since 4.8
LIFT = 4  # a task that may exceed the limits does by a quarter


@kernel
def dirtyable(free, file, anon, reserve, reserve_of_free):
    """Pages that could become dirty page cache.

    `anon`: anonymous pages on the lists where they count, that is to 3.13 and while any swap is free, else 0.
    `reserve`: pages held back since 3.3; of the free pages alone since 3.14 (`reserve_of_free`).
    """
    if reserve_of_free:
        return free - min(free, reserve) + file + anon + 1
    total = free + file + anon
    return total - min(total, reserve) + 1


@kernel
def thresholds(available, ratio, background_ratio, pages, background_pages, units):
    """(dirty threshold, background threshold) in pages; settings in bytes come as pages, 0 where a ratio applies.

    `units`: what ratios are converted to, 100 or FINE.
    """
    thresh = pages if pages else ratio * units // 100 * available // units
    background = background_pages if background_pages else background_ratio * units // 100 * available // units
    return thresh, background if background < thresh else thresh // 2


@kernel
def ratelimit(thresh, cpus):
    """Pages a CPU may dirty before somebody on it is checked, since 3.2: a 32nd of the threshold between them all."""
    return max(16, thresh // (cpus * 32))


@kernel
def old_ratelimit(total, cpus):
    """The same to 3.1: by all memory, at most 4 MiB."""
    return min(max(16, total // (cpus * 32)), 1024)
