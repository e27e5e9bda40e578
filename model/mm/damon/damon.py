"""DAMON's regions: one sampled page each, merged and split so that their number stays within bounds (mm/damon/core.c).

Addresses are page numbers: of frames (one target, all of memory) or page-table words (a target a task). A region is a
row of the `damon` table, in order of target and address; the second half of the table is scratch space for splitting.
Random numbers come from a generator of its own, seeded by the cell's seed and replicate.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.lehmer import following
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry
from mmrun.model.mm.damon.tracepoints import damon_aggregated, damon_monitor_intervals_tune, damos_before_apply
from mmrun.model.mm.idle.state import damon, damon_regions
from mmrun.model.mm.task.state import tasks
from mmrun.model.units import PAGE


@kernel
def rand(m, low, high):
    """A random number from `low` to `high` - 1 (damon_rand)."""
    damon(m).rng = following(damon(m).rng)
    return low + damon(m).rng % (high - low)


@kernel
def copy_region(to, source):
    """Make region `to` what `source` is."""
    to.start, to.end, to.target = source.start, source.end, source.target
    to.nr_accesses, to.last, to.age, to.sample = source.nr_accesses, source.last, source.age, source.sample


@kernel
def evenly_split(m, target, start, end, pieces):
    """Cover `start` to `end` with so many equal regions, the last one taking the rest; with one if they would be empty.

    In the kernel: damon_va_evenly_split_region. Until 6.12 what was left over could make regions of its own, though
    not with the numbers of pieces that it is called with.
    """
    r, d, size = damon_regions(m), damon(m), (end - start) // pieces
    for i in range(pieces if size else 1):
        if d.nr >= len(r) // 2:
            return
        region, last = r[d.nr], size == 0 or i == pieces - 1
        region.start, region.end, region.target = start, end if last else start + size, target
        region.nr_accesses = region.last = region.age = 0
        start = region.end
        d.nr += 1


@kernel
def add_target(m, target, start, end, least):
    """Cover a target with `least` equal regions, or some more of whole pages (__damon_va_init_regions)."""
    if start < end:
        evenly_split(m, target, start, end, (end - start) // max(1, (end - start) // least))


@kernel
def add_targets(m, by_task):
    """Targets and their first regions: every task's address space, or physical memory."""
    d = damon(m)
    d.nr = 0
    if not by_task:
        d.nr_targets, d.pages = 1, geometry(m).nr_frames
        add_target(m, 0, 0, geometry(m).nr_frames, d.min_regions)
        return
    d.nr_targets, d.pages = geometry(m).nr_tasks, 0
    for t in range(geometry(m).nr_tasks):
        task = tasks(m)[t]
        d.pages += task.npages
        add_target(m, t, task.pte_start, task.pte_start + task.npages, d.min_regions)


@kernel
def insert_after(m, i, at):
    """Split region `i` at address `at`; the right part follows it with the same history (damon_split_region_at)."""
    r, d = damon_regions(m), damon(m)
    if d.nr >= len(r) // 2:
        return
    for j in range(d.nr, i + 1, -1):
        copy_region(r[j], r[j - 1])
    d.nr += 1
    copy_region(r[i + 1], r[i])
    r[i].end = r[i + 1].start = at


@kernel
def grow_old(region, threshold):
    """A region that behaves as it did an aggregation ago is older now; any other starts anew."""
    steady = abs(region.nr_accesses - region.last) <= threshold
    region.age = region.age + 1 if steady and (region.nr_accesses == 0) == (region.last == 0) else 0


@kernel
def weighted(left, right, size_left, size_right):
    """Mean of two regions' values, weighted by their sizes."""
    return (left * size_left + right * size_right) // (size_left + size_right)


@kernel
def merge_pass(m, threshold, size_limit):
    """Merge neighbours whose counts differ by at most `threshold`, up to a size (damon_merge_regions_of).

    As in the kernel every pass makes regions older, also when several follow each other.
    """
    r, d, kept = damon_regions(m), damon(m), -1
    for i in range(d.nr):
        here = r[i]
        grow_old(here, threshold)
        if kept >= 0:
            left = r[kept]
            size_left, size = left.end - left.start, here.end - here.start
            if (
                left.target == here.target
                and left.end == here.start
                and abs(left.nr_accesses - here.nr_accesses) <= threshold
                and size_left + size <= size_limit
            ):
                left.nr_accesses = weighted(left.nr_accesses, here.nr_accesses, size_left, size)
                left.age = weighted(left.age, here.age, size_left, size)
                left.end = here.end
                continue
        kept += 1
        if kept != i:
            copy_region(r[kept], here)
    d.nr = kept + 1


@kernel
def merge(m, threshold, size_limit, most_accesses):
    """Merge; while there are too many regions, again with twice the threshold (kdamond_merge_regions).

    `most_accesses`: what a region can count in an aggregation; the threshold stops growing beyond twice that.
    """
    while True:
        merge_pass(m, threshold, size_limit)
        threshold = max(1, threshold * 2)
        if damon(m).nr <= damon(m).max_regions or threshold // 2 >= most_accesses:
            return


@kernel
def size_limit(m):
    """Largest size that merging may reach, in pages (damon_region_sz_limit)."""
    return max(1, damon(m).pages // damon(m).min_regions)


@kernel
def parts(nr, last_nr, max_regions):
    """Into how many parts every region is split: 3 when the number of regions stands still and is small, 0 for not."""
    if nr > max_regions // 2:
        return 0
    return 3 if nr == last_nr and nr < max_regions // 3 else 2


@kernel
def left_part(size, tenths):
    """Size of the left part when a region is cut after so many tenths."""
    return tenths * size // 10


@kernel
def split(m):
    """Cut every region of more than two pages at random points of 10 to 90 % (kdamond_split_regions)."""
    r, d = damon_regions(m), damon(m)
    nr, wanted, half = d.nr, parts(d.nr, d.last_nr, d.max_regions), len(damon_regions(m)) // 2
    d.last_nr = nr
    if wanted == 0:
        return
    for i in range(nr):
        copy_region(r[half + i], r[i])
    d.nr = 0
    for i in range(nr):
        whole, first = r[half + i], d.nr
        copy_region(r[first], whole)
        d.nr += 1
        size = whole.end - whole.start
        for _ in range(wanted - 1):
            if size <= 2:
                break
            left = left_part(size, rand(m, 1, 10))
            if left == 0 or left >= size:
                continue
            insert_after(m, first, r[first].start + left)
            size = left


@kernel
def regions_of(m, target):
    """How many regions a target has (damon_nr_regions)."""
    nr = 0
    for i in range(damon(m).nr):
        nr += damon_regions(m)[i].target == target
    return nr


@kernel
def address_of(m, target, page):
    """The byte where a page of a target begins."""
    return (page - tasks(m)[target].pte_start if damon(m).by_task else page) * PAGE


@rare
@kernel
def tell_aggregated(m):
    """Tell every region with its count, in bytes of its target's own address space."""
    r, d, first = damon_regions(m), damon(m), 0
    while first < d.nr:
        target, end = r[first].target, first
        while end < d.nr and r[end].target == target:
            end += 1
        base = tasks(m)[target].pte_start if d.by_task else 0
        for i in range(first, end):
            start, stop = (r[i].start - base) * PAGE, (r[i].end - base) * PAGE
            damon_aggregated(m, target, end - first, start, stop, r[i].nr_accesses, r[i].age)
        first = end


@rare
@kernel
def tell_applied(m, i):
    """Trace that a scheme is about to act on region `i`."""
    r = damon_regions(m)[i]
    start, end = address_of(m, r.target, r.start), address_of(m, r.target, r.end)
    damos_before_apply(m, r.target, regions_of(m, r.target), start, end, r.nr_accesses, r.age)


@kernel
def reset(m):
    """A new aggregation begins (kdamond_reset_aggregated)."""
    if m.tracing:
        tell_aggregated(m)
    r = damon_regions(m)
    for i in range(damon(m).nr):
        r[i].last, r[i].nr_accesses = r[i].nr_accesses, 0


@kernel
def next_input(last_input, score):
    """Feedback rule of DAMON's goals (damon_feed_loop_next_input): a score of 10000 is on target."""
    away = abs(score - 10_000)
    if score >= 20_000:
        return 10_000
    compensation = last_input * away // 10_000
    if score < 10_000:
        return last_input + compensation
    return last_input - compensation if last_input > compensation + 10_000 else 10_000


@kernel
def interval_factor(score):
    """By how many basis points the sampling interval changes: at most doubled, at most halved."""
    factor = next_input(100_000_000, score) // 10_000
    return 5_000 + factor // 2 if factor <= 10_000 else factor


@kernel
def access_score(m, goal_bp):
    """Observed access events over the wanted share of those possible, in basis points."""
    r, events = damon_regions(m), 0
    for i in range(damon(m).nr):
        events += (r[i].end - r[i].start) * r[i].nr_accesses
    wanted = max(1, damon(m).pages * damon(m).samples * goal_bp // 10_000)
    return events * 10_000 // wanted


@kernel
def tune_intervals(m, goal_bp, shortest, longest):
    """Adapt the sampling interval within bounds; ages, counted in aggregations, keep their time (6.15)."""
    d, r = damon(m), damon_regions(m)
    factor = interval_factor(access_score(m, goal_bp))
    before = d.sample_ns
    d.sample_ns = max(shortest, min(longest, before * factor // 10_000))
    damon_monitor_intervals_tune(m, d.sample_ns // 1_000)
    for i in range(d.nr):
        r[i].age = r[i].age * before // d.sample_ns


@kernel
def forget_samples(m):
    """No region has a sampled page."""
    for i in range(damon(m).nr):
        damon_regions(m)[i].sample = NONE
