"""DAMON: samples one page a region, and lets regions of like access frequency grow together (5.15 and later).

Every sampling interval clears the young bit of a random page of each region and looks at it again an interval later.
Every aggregation interval neighbours of like counts merge, the rest is split at random. Work is bounded by
`max_regions` pages a sampling interval whatever the memory size; accuracy degrades instead. Optionally a scheme pages
out what was not accessed for `min_age_ms`, within quotas and watermarks (the defaults are DAMON_RECLAIM's).

A task's address space is one target without gaps: its mappings are laid end to end here, so the three regions that the
kernel finds between the two biggest gaps are one, and there is no layout to update.
"""

from mmrun.model.core.accounting import CONTROLLER, work_as
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry
from mmrun.model.mm.damon.damon import (
    add_targets,
    forget_samples,
    insert_after,
    merge,
    rand,
    reset,
    size_limit,
    split,
    tell_applied,
    tune_intervals,
)
from mmrun.model.mm.damon.damos import begin_window, room, score_of, set_min_score, wanted, watermark_state
from mmrun.model.mm.idle.state import damon, damon_regions, idle_age, idle_costs, idle_count, idle_settings, scanners
from mmrun.model.mm.idle.truth import judge, judgement_due
from mmrun.model.mm.lru.rmap import any_young, clear_young, pte_frame
from mmrun.model.mm.page.flags import IDLE, LRU, REFERENCED, YOUNG
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.reclaim_pages import begin_pick, pick, reclaim_picked
from mmrun.model.mm.task.state import PTE_YOUNG, pte
from mmrun.model.mm.task.words import maps
from mmrun.model.units import PAGE

SOURCE = "mm/damon/core.c, paddr.c, vaddr.c, reclaim.c, 7.0"
DRAWS = "always"
SCANNERS = "machine"
PARAMS = {
    "by_task": (False, "", "regions of tasks' address spaces (vaddr) instead of physical memory (paddr)", "mm/damon"),
    "sample_us": (
        5_000,
        "us",
        "sampling interval",
        "default of damo and of the modules: 5 ms",
        (1, 3_600_000_000, "damon_set_attrs counts 0 as 1; an hour"),
    ),
    "aggr_us": (
        100_000,
        "us",
        "aggregation interval",
        "default of damo and of the modules: 100 ms",
        (1, 86_400_000_000, "no less than the sampling interval, which is not 0; a day"),
    ),
    "min_regions": (
        10,
        "regions",
        "least number of regions a target starts with",
        "default: 10",
        (3, 1_000_000, "damon_set_attrs refuses fewer than 3; the table of regions is made to measure"),
    ),
    "max_regions": (
        1_000,
        "regions",
        "bound on the number of regions",
        "default: 1000",
        (3, 1_000_000, "damon_set_attrs refuses fewer than 3; the table of regions is made to measure"),
    ),
    "tune_bp": (
        0,
        "1/10000",
        "share of the possible access events to tune intervals to; 0: fixed",
        "6.15; 400 suggested",
        (0, 10_000, "a share in 1/10000"),
    ),
    "pageout": (False, "", "whether a scheme pages out what is cold", "DAMON_RECLAIM, 5.16"),
    "min_age_ms": (
        120_000,
        "ms",
        "least time without access for pageout",
        "DAMON_RECLAIM: 120 s",
        (0, 4_294_967_295, "a region's age in the kernel is an unsigned int"),
    ),
    "quota_ms": (
        10,
        "ms",
        "CPU time the scheme may use a reset interval; 0: no limit",
        "DAMON_RECLAIM: 10 ms",
        (0, 3_600_000, "an hour"),
    ),
    "quota_mib": (
        128,
        "MiB",
        "memory it may handle a reset interval; 0: no limit",
        "DAMON_RECLAIM: 128 MiB",
        (0, 67_108_864, "64 TiB, the largest machine"),
    ),
    "reset_ms": (
        1_000,
        "ms",
        "reset interval of the quota",
        "DAMON_RECLAIM: 1 s",
        (0, 86_400_000, "0: a fresh quota every time; a day"),
    ),
    "wmark_high": (
        500,
        "per mille",
        "free memory beyond which the scheme rests; 1000: never",
        "DAMON_RECLAIM: 500",
        (0, 1_000, "per mille"),
    ),
    "wmark_mid": (400, "per mille", "free memory below which it starts", "DAMON_RECLAIM: 400", (0, 1_000, "per mille")),
    "wmark_low": (
        200,
        "per mille",
        "free memory below which it leaves the field to reclaim",
        "DAMON_RECLAIM: 200",
        (0, 1_000, "per mille"),
    ),
    "wmark_ms": (
        5_000,
        "ms",
        "time between two looks at the watermarks while it rests",
        "DAMON_RECLAIM: 5 s",
        (1, 86_400_000, "0 would look again and again in no time; a day"),
    ),
}
params = parameters("idle", PARAMS, 300)
RELATIONS = [
    ("sample_us <= aggr_us", "damon_set_attrs refuses sampling that is rarer than aggregation"),
    ("min_regions <= max_regions", "damon_set_attrs refuses a least number above the bound"),
    ("wmark_low <= wmark_mid <= wmark_high", "damos_wmark_wait_us: the scheme works between low and mid, up to high"),
]
MS, SHORTEST, LONGEST, TUNE_EVERY = 1_000_000, 5_000_000, 10_000_000_000, 3


@kernel
def start(m):
    """Set the context up."""
    d, p = damon(m), params(m)
    d.ready, d.by_task = 1, p.by_task
    d.min_regions, d.max_regions = p.min_regions, p.max_regions
    d.sample_ns, d.samples = p.sample_us * 1_000, max(1, p.aggr_us // p.sample_us)
    d.left, d.from_page = d.samples, -1
    add_targets(m, d.by_task)


@kernel
def frame_at(m, page):
    """The frame on a list behind a page number of the context's address space, or -1."""
    pfn = page
    if damon(m).by_task:
        word = pte(m)[page]
        pfn = folio_of(m, pte_frame(word)) if maps(word) else -1
    return pfn if pfn >= 0 and frames(m)[pfn].state & LRU else -1


@kernel
def make_old(m, page, pfn):
    """Clear the sampled page's young bits and make it idle, leaving reclaim a note (damon_ptep_mkold)."""
    found = 0
    if damon(m).by_task:
        found = pte(m)[page] & PTE_YOUNG
        pte(m)[page] &= ~PTE_YOUNG
    else:
        found = clear_young(m, pfn) & 1
    frames(m)[pfn].state |= (YOUNG if found else 0) | IDLE


@kernel
def is_young(m, page, pfn):
    """Whether the page was used since it was made old."""
    if not frames(m)[pfn].state & IDLE:
        return True
    return pte(m)[page] & PTE_YOUNG != 0 if damon(m).by_task else any_young(m, pfn) != 0


@kernel
def prepare(m):
    """Choose a page of every region and make it old."""
    r = damon_regions(m)
    for i in range(damon(m).nr):
        r[i].sample = rand(m, r[i].start, r[i].end)
        pfn = frame_at(m, r[i].sample)
        if pfn >= 0:
            make_old(m, r[i].sample, pfn)
    damon(m).prepared = 1


@kernel
def check(m):
    """Count the regions whose sampled page was used; the largest count so far in this aggregation."""
    r, most = damon_regions(m), 0
    for i in range(damon(m).nr):
        m.now += idle_costs(m).damon_sample
        pfn = frame_at(m, r[i].sample)
        if pfn >= 0 and is_young(m, r[i].sample, pfn):
            r[i].nr_accesses += 1
        most = max(most, r[i].nr_accesses)
    idle_count(m).damon_samples += damon(m).nr
    idle_count(m).damon_samplings += 1
    damon(m).prepared = 0
    return most


@kernel
def tell(m, scanner):
    """What DAMON says of every page, for the comparison with the truth: cold when its region is, long enough."""
    if not judgement_due(m, scanner):
        return
    r, verdict, d = damon_regions(m), idle_age(m), damon(m)
    for i in range(d.nr):
        cold = r[i].nr_accesses == 0 and r[i].age * d.sample_ns * d.samples >= idle_settings(m).cold_after
        for page in range(r[i].start, r[i].end):
            pfn = frame_at(m, page)
            if pfn >= 0:
                verdict[pfn] = 1 if cold else 0
    judge(m, scanner, 0, geometry(m).nr_frames, 1)


@kernel
def page_out(m, first, end):
    """Reclaim the pages of an address range; those used since they were made old are passed over. Pages freed."""
    freed = 0
    begin_pick(m)
    for page in range(first, end):
        m.now += idle_costs(m).pfn_walk
        pfn = frame_at(m, page)
        if pfn < 0:
            continue
        if not damon(m).by_task:  # the filter that physical pageout installs since 6.10
            m.now += idle_costs(m).rmap_check
            if is_young(m, page, pfn):
                make_old(m, page, pfn)
                continue
        elif frames(m)[pfn].mapcount != 1:  # madvise leaves shared pages alone
            continue
        frames(m)[pfn].state &= ~(REFERENCED | YOUNG)
        freed += pick(m, pfn)
    return freed + reclaim_picked(m)


@kernel
def resume_at(m, i):
    """Region to go on with at index `i` after a quota cut the scheme off (damos_skip_charged_region); -1: skip it."""
    d, r = damon(m), damon_regions(m)
    if d.from_page < 0:
        return i
    if r[i].target != d.from_target:
        return -1
    if i + 1 == d.nr or r[i + 1].target != r[i].target:
        d.from_page = -1
        return -1
    if r[i].end <= d.from_page:
        return -1
    if r[i].start <= d.from_page:
        # The kernel notes the byte after the end, so that at least a page is skipped.
        skip = max(1, d.from_page - r[i].start)
        if skip >= r[i].end - r[i].start:
            return -1
        insert_after(m, i, r[i].start + skip)
        i += 1
    d.from_page = -1
    return i


@kernel
def apply(m, i):
    """Page out region `i` as far as the quota goes; a cut region is split (damos_apply_scheme)."""
    d, region = damon(m), damon_regions(m)[i]
    pages = room(d.esz, d.charged_bytes, region.end - region.start)
    idle_count(m).damos_nr_tried += 1
    idle_count(m).damos_sz_tried += pages * PAGE
    if pages == 0:
        return
    if pages < region.end - region.start:
        insert_after(m, i, region.start + pages)
    if m.tracing:
        tell_applied(m, i)
    began, scanner = m.now, work_as(m, CONTROLLER)
    idle_count(m).damos_sz_applied += page_out(m, region.start, region.start + pages) * PAGE
    work_as(m, scanner)
    d.total_ns += m.now - began
    d.charged_bytes += pages * PAGE
    if d.esz and d.charged_bytes >= d.esz:
        d.from_target, d.from_page = region.target, region.start + pages
    region.age = 0


@kernel
def apply_scheme(m):
    """Go through the regions, those with the highest priority first under a quota (kdamond_apply_schemes)."""
    d, p, r, i = damon(m), params(m), damon_regions(m), 0
    d.scheme_age = p.min_age_ms * MS // (d.sample_ns * d.samples)
    if p.quota_ms or p.quota_mib:
        begin_window(m, p.reset_ms * MS, p.quota_ms, p.quota_mib << 20)
        set_min_score(m)
    while i < d.nr and not (d.esz and d.charged_bytes >= d.esz):
        at = resume_at(m, i)
        if at >= 0 and wanted(m, r[at]) and score_of(m, r[at]) >= d.min_score:
            apply(m, at)
        i = max(i, at) + 1


@kernel
def aggregate(m, scanner, most):
    """An aggregation interval ends."""
    d, p = damon(m), params(m)
    m.now += idle_costs(m).pfn_walk * d.nr
    merge(m, most // 10, size_limit(m), d.samples)
    tell(m, scanner)
    if p.pageout:
        apply_scheme(m)
    d.aggregations += 1
    if p.tune_bp and d.aggregations % TUNE_EVERY == 0:
        tune_intervals(m, p.tune_bp, SHORTEST, LONGEST)
    reset(m)
    split(m)
    d.left = d.samples


@kernel
def resting(m):
    """Whether the scheme's watermarks keep the whole context asleep."""
    d, p, free = damon(m), params(m), 0
    for z in range(geometry(m).nr_zones):
        free += zones(m)[z].nr_free
    d.active = watermark_state(free * 1000 // geometry(m).nr_frames, p.wmark_high, p.wmark_mid, p.wmark_low, d.active)
    return not d.active


# In the kernel: kdamond_fn.
@hook
def idle_step(m, scanner):
    d = damon(m)
    if not d.ready:
        start(m)
    if d.prepared:
        most = check(m)
        d.left -= 1
        if d.left == 0:
            aggregate(m, scanner, most)
            scanners(m)[scanner].rounds += 1
    if params(m).pageout and resting(m):
        forget_samples(m)
        return m.now + params(m).wmark_ms * MS
    prepare(m)
    return m.now + d.sample_ns
