"""How many pages may be dirty: thresholds of the machine, of groups and of backing devices (mm/page-writeback.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import ZONES_PER_NODE, geometry
from mmrun.model.mm.generations.state import MAX_GENS, lrugens
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import ACTIVE_ANON, ACTIVE_FILE, INACTIVE_ANON, INACTIVE_FILE
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.swap.state import swap_settings, swaps
from mmrun.model.mm.writeback.state import dirty_settings, dtcs, wb_domains, wbs, writeback_count, writeback_settings
from mmrun.model.mm.writeback.tracepoints import global_dirty_state
from mmrun.model.mm.writeback.wb_domain import share
from mmrun.model.units import PAGE

FINE = 4096  # ratios in 1/PAGE_SIZE since 4.8
UNLIMITED = 1 << 62


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


@kernel
def swap_is_free(m):
    """Whether any swap slot is free."""
    used = 0
    for n in range(len(swaps(m))):
        used += swaps(m)[n].used
    return used < swap_settings(m).total_swap


@kernel
def dirtyable_of(m, first, end, reserve):
    """Pages of zones `first` to `end` - 1 that could become dirty page cache, plus one."""
    free = file = anon = 0
    for z in range(first, end):
        zone = zones(m)[z]
        free += zone.nr_free
        file += zone.nr_lru[INACTIVE_FILE] + zone.nr_lru[ACTIVE_FILE]
        anon += zone.nr_lru[INACTIVE_ANON] + zone.nr_lru[ACTIVE_ANON]
    if not (dirty_settings(m).dirty_anon and swap_is_free(m)):
        anon = 0
    return dirtyable(free, file, anon, reserve, dirty_settings(m).dirty_reserve_of_free)


@kernel
def global_dirtyable(m):
    """Pages of the machine that could become dirty page cache (global_dirtyable_memory)."""
    return dirtyable_of(m, 0, geometry(m).nr_zones, dirty_settings(m).totalreserve)


@kernel
def limits_of(m, available):
    """(dirty threshold, background threshold) by the sysctls for so many dirtyable pages."""
    settings = dirty_settings(m)
    return thresholds(
        available, settings.dirty_ratio, settings.dirty_background_ratio, -(-settings.dirty_bytes // PAGE),
        -(-settings.dirty_background_bytes // PAGE), settings.dirty_units,
    )  # fmt: skip


@kernel
def part_limit(available, ratio, pages, everywhere):
    """Dirty pages that a zone or node may hold which has `available` of the machine's `everywhere` dirtyable pages.

    By the ratio, or its part of the setting in bytes, which comes as pages (zone_dirty_limit, node_dirty_limit).
    """
    return pages * available // everywhere if pages else ratio * available // 100


@kernel
def part_dirty_ok(m, first, end):
    """Whether zones `first` to `end` - 1, a zone or a node, hold no more dirty pages than their limit."""
    reserve = dirty = 0
    for z in range(first, end):
        zone = zones(m)[z]
        reserve += zone.totalreserve
        dirty += zone.nr_file_dirty + zone.nr_writeback  # uncommitted pages are among those under writeback here
    available = dirtyable_of(m, first, end, reserve) - 1
    pages = -(-dirty_settings(m).dirty_bytes // PAGE)
    return dirty <= part_limit(available, dirty_settings(m).dirty_ratio, pages, global_dirtyable(m) if pages else 1)


@kernel
def nr_reclaimable(m):
    """Dirty pages that nobody writes yet, and those a file server may still lose where they are counted apart."""
    return writeback_count(m).nr_dirty + writeback_count(m).nr_unstable


@kernel
def dtc(m, i):
    """What the running actor sees of domain `i`: 0 the machine, 1 a group (struct dirty_throttle_control)."""
    return dtcs(m)[2 * turn(m).actor + i]


@kernel
def look_at_machine(m, writeback):
    """Fill in the machine's side of what a call of balance_dirty_pages sees (domain_dirty_limits).

    `writeback`: pages under writeback count as dirty; not (0) where it is asked whether more should be written.
    """
    d, count = dtc(m, 0), writeback_count(m)
    d.domain, d.avail = 0, global_dirtyable(m)
    d.dirty = nr_reclaimable(m) + writeback * count.nr_writeback
    d.thresh, d.bg_thresh = limits_of(m, d.avail)
    count.nr_dirty_threshold, count.nr_dirty_background_threshold = d.thresh, d.bg_thresh
    global_dirty_state(
        m, count.nr_dirty, count.nr_writeback, count.nr_unstable, d.bg_thresh, d.thresh, wb_domains(m)[0].dirty_limit,
        count.nr_dirtied, count.nr_written,
    )  # fmt: skip


@kernel
def group_ratio(ratio, nbytes, available):
    """A setting as a ratio in 1/4096: groups turn bytes into their part of what the machine may dirty."""
    return min(-(-nbytes // available), FINE) if nbytes else ratio * FINE // 100


@kernel
def file_pages(m, lv):
    """Page cache on the lists of a lruvec, or in its generations."""
    if not lru_settings(m).lru_gen:
        return lruvecs(m)[lv].lists[INACTIVE_FILE].n + lruvecs(m)[lv].lists[ACTIVE_FILE].n
    pages = 0
    for gen in range(MAX_GENS):
        for zone in range(ZONES_PER_NODE):
            pages += lrugens(m)[lv].pages[gen, 1, zone]
    return pages


@kernel
def group_file_pages(m, g):
    """Page cache of the group and its descendants that stands somewhere in their lruvecs."""
    pages = 0
    for lv in range(g * geometry(m).nr_zones, memcgs(m)[g].end * geometry(m).nr_zones):
        pages += file_pages(m, lv)
    return pages


@kernel
def headroom(m, g):
    """Pages the group may still charge before it or an ancestor meets its high or max (mem_cgroup_wb_stats)."""
    room = UNLIMITED
    while g:
        group = memcgs(m)[g]
        ceiling = min(group.limit, group.memory_high)
        room = min(room, ceiling - min(ceiling, group.usage))
        g = group.parent
    return room


@kernel
def look_at_group(m, g, writeback):
    """The same for group `g`: what it may dirty is its page cache and the clean cache of others it could displace."""
    d, machine, settings = dtc(m, 1), dtc(m, 0), dirty_settings(m)
    domain, pages = wb_domains(m)[g], group_file_pages(m, g)
    d.domain, d.dirty = g, domain.nr_dirty + writeback * domain.nr_writeback
    clean = pages - min(pages, d.dirty)
    others = machine.avail - min(machine.avail, machine.dirty)
    others -= min(others, clean)
    d.avail = pages + min(headroom(m, g), others)
    d.thresh = group_ratio(settings.dirty_ratio, settings.dirty_bytes, machine.avail) * d.avail // FINE
    d.bg_thresh = (
        group_ratio(settings.dirty_background_ratio, settings.dirty_background_bytes, machine.avail) * d.avail // FINE
    )
    if d.bg_thresh >= d.thresh:
        d.bg_thresh = d.thresh // 2


@kernel
def look_at_wb(m, i, w):
    """Fill in the wb's part of domain `i` of what a call sees: its share and its own dirty pages (wb_dirty_limits)."""
    d, wb = dtc(m, i), wbs(m)[w]
    d.wb_thresh = share(m, w, d.domain, d.dirty, d.thresh)
    d.wb_bg_thresh = d.wb_thresh * d.bg_thresh // d.thresh if d.thresh else 0
    d.wb_dirty = wb.nr_reclaimable + wb.nr_writeback


@kernel
def over_bg_thresh(m, w):
    """Whether background writeback of the wb has something to do (wb_over_bg_thresh); pages being written have not.

    Since 3.2 also when the wb alone is over its share, which is next to nothing for one that has long been idle.
    """
    look_at_machine(m, 0)
    wb, d = wbs(m)[w], dtc(m, 0)
    if d.dirty > d.bg_thresh:
        return True
    if not writeback_settings(m).background_by_device:
        return False
    if wb.nr_reclaimable > share(m, w, 0, d.dirty, d.bg_thresh):
        return True
    if not wb.memcg:
        return False
    look_at_group(m, wb.memcg, 0)
    d = dtc(m, 1)
    return d.dirty > d.bg_thresh or wb.nr_reclaimable > share(m, w, wb.memcg, d.dirty, d.bg_thresh)
