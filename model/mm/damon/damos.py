"""DAMOS: which regions a scheme acts on, and how much its quota lets it (mm/damon/core.c, mm/damon/ops-common.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.idle.state import damon, damon_regions, idle_count
from mmrun.model.units import PAGE

MAX_SCORE = 99
FIRST_THROUGHPUT = 4 << 20  # bytes a ms, before anything was measured
ACTIVE, INACTIVE = 1, 0


@kernel
def throughput(charged_bytes, charged_ns):
    """Bytes the scheme has handled in a ms."""
    return charged_bytes * 1_000_000 // charged_ns if charged_ns else FIRST_THROUGHPUT


@kernel
def effective_quota(quota_ms, quota_bytes, charged_bytes, charged_ns):
    """The tightest limit in bytes a reset interval (damos_set_effective_quota); 0: no limit."""
    if quota_ms == 0:
        return quota_bytes
    by_time = throughput(charged_bytes, charged_ns) * quota_ms
    return min(by_time, quota_bytes) if quota_bytes else by_time


@kernel
def hot_score(nr_accesses, most_accesses, age_s, weight_accesses, weight_age):
    """Hotness of a region, 0 to 99, from how often it is accessed and for how long (damon_hot_score)."""
    frequency = nr_accesses * 100 // most_accesses
    log = 0
    while log < 32 and age_s:
        log, age_s = log + 1, age_s >> 1
    if frequency == 0:
        log = -log
    age = (log + 32) * 100 // 32 // 2
    weights = weight_accesses + weight_age
    return (weight_accesses * frequency + weight_age * age) // weights * MAX_SCORE // 100 if weights else 0


@kernel
def cold_score(nr_accesses, most_accesses, age_s, weight_accesses, weight_age):
    """The opposite of hotness, 0 to 99: what pageout goes by."""
    return MAX_SCORE - hot_score(nr_accesses, most_accesses, age_s, weight_accesses, weight_age)


@kernel
def watermark_state(free_per_mille, high, mid, low, state):
    """Whether a scheme is active: between `mid` and `high` it stays what it is (damos_wmark_wait_us)."""
    if free_per_mille > high or free_per_mille < low:
        return INACTIVE
    return ACTIVE if free_per_mille < mid else state


@kernel
def wanted(m, region):
    """Whether the scheme takes the region: not accessed for the scheme's least age."""
    return region.nr_accesses == 0 and region.age >= damon(m).scheme_age


@kernel
def score_of(m, region):
    """Priority of a region under the quota: by age only, as DAMON_RECLAIM weighs."""
    age_s = region.age * damon(m).sample_ns * damon(m).samples // 1_000_000_000
    return cold_score(region.nr_accesses, damon(m).samples, age_s, 0, 1)


@kernel
def begin_window(m, reset_ns, quota_ms, quota_bytes):
    """Start a new charge window when the last one is over."""
    d = damon(m)
    if m.now - d.charged_from < reset_ns and (d.charged_from or d.total_bytes):
        return
    if d.esz and d.charged_bytes >= d.esz:
        idle_count(m).damos_qt_exceeds += 1
    d.total_bytes += d.charged_bytes
    d.charged_from, d.charged_bytes = m.now, 0
    d.esz = effective_quota(quota_ms, quota_bytes, d.total_bytes, d.total_ns)


@kernel
def set_min_score(m):
    """The lowest priority that fits the quota when regions of higher priority go first (damos_adjust_quota)."""
    d, r = damon(m), damon_regions(m)
    for score in range(MAX_SCORE + 1):
        d.histogram[score] = 0
    highest = 0
    for i in range(d.nr):
        if wanted(m, r[i]):
            score = score_of(m, r[i])
            d.histogram[score] += (r[i].end - r[i].start) * PAGE
            highest = max(highest, score)
    d.min_score = min_score(d.histogram, highest, d.esz)


@kernel
def min_score(histogram, highest, esz):
    """The score down to which the histogram of bytes holds at least `esz`."""
    total, score = 0, highest
    while True:
        total += histogram[score]
        if total >= esz or score == 0:
            return score
        score -= 1


@kernel
def room(esz, charged, size):
    """Pages of a region of `size` pages that the rest of the quota allows."""
    if esz == 0 or charged + size * PAGE <= esz:
        return size
    return max(0, esz - charged) // PAGE
