"""Dirty limits of a machine record: what the era counts, what the sysctls say, where estimates start."""

from collections.abc import Set

from mmrun.model.block.defaults import allocation_of
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import geometry
from mmrun.model.mm.dirty_throttling.dirty_pause import POLL_THRESH
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.writeback.extents import EXTENT_PAGES
from mmrun.model.mm.writeback.page_io import finish_writes
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE
from mmrun.model.mm.writeback.page_writeback import dirtyable, old_ratelimit, ratelimit, thresholds
from mmrun.model.mm.writeback.state import bdis, dirty_settings, vm_completions, vm_dirties, writeback_settings
from mmrun.model.mm.writeback.wb_bandwidth import INIT_BW
from mmrun.model.mm.writeback.wb_fraction import RATIO_SCALE, period_shift
from mmrun.model.mm.writeback.writeback import flusher
from mmrun.model.units import PAGE

Rules = dict[str, int | float | str | bool]
EXCLUSIVE = (("dirty_ratio", "dirty_bytes"), ("dirty_background_ratio", "dirty_background_bytes"))
OF_RESERVE = {"min_free_kbytes", "watermark_scale_factor"}


def cgroup_writeback(plan: Plan) -> bool:
    """Whether groups have dirty limits and flushers of their own (inode_cgwb_enabled): with cgroup v2, since 4.2."""
    able = plan.modules["dirty_throttling"].RULES.get("domains")
    return bool(able and plan.cell.cgroup_version == "v2" and era(plan.cell.kernel).flags["cgroup_writeback"])


def wb_groups(plan: Plan) -> list[int]:
    """The groups that have a wb on every disk: the root, with cgroup writeback also those whose tasks have files.

    In the kernel others could have one, too: wbs are made when a group first dirties a file of the device.
    """
    if not cgroup_writeback(plan):
        return [0]
    writers = {
        task.cgroup for task in plan.tasks.values()
        if any(region.kind == "file" and region.disk is not None for region in task.memory)
    }  # fmt: skip
    return [0, *(g for g, name in enumerate(plan.groups) if g and name in writers)]


def wb_count(plan: Plan) -> int:
    """Number of wbs: those of every disk."""
    return len(plan.cell.machine.disks) * len(wb_groups(plan))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    actors, disks = sum(plan.actors.values()), plan.cell.machine.disks
    nodes = plan.cache // 64 + 1  # of the page cache
    return {
        "bdis": len(disks), "wbs": wb_count(plan), "wb_domains": len(plan.groups), "jobs": actors,
        "dtcs": 2 * actors, "dirty_tags": nodes, "page_waits": PAGE_WAIT_TABLE_SIZE,
        "extents": (plan.cache // EXTENT_PAGES + 1) * any(allocation_of(disk) != "fixed" for disk in disks.values()),
        "on_disk": nodes * any(file.sparse for file in plan.files.values()),
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """Flushers."""
    return {"wb": wb_count(plan)}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return finish_writes, flusher


def place(built: Built) -> None:
    """Fill what flushers and dirty throttling need, after zones, devices and tasks are there."""
    rules = {**built.modules["dirty_throttling"].RULES, **built.cell.policy["dirty_throttling"].params}
    built.memory.table("jobs")["inode"] = NONE
    _wbs(built)
    _config(built, rules)
    _devices(built)
    _estimates(built, rules)
    tasks, files = built.memory.table("tasks"), built.memory.table("files")
    tasks["nr_dirtied_pause"] = POLL_THRESH
    backed = files["disk"] != NONE
    files["wb"][backed] = bdis(built.memory.m)["first_wb"][files["disk"][backed]]


def _config(built: Built, rules: Rules) -> None:
    m, vm = built.memory.m, built.cell.vm
    if vm.dirty_bytes:
        dirty_settings(m).dirty_ratio = 0
    if vm.dirty_background_bytes:
        dirty_settings(m).dirty_background_ratio = 0
    limits, flushers = dirty_settings(m), writeback_settings(m)
    flushers.cgroup_writeback = cgroup_writeback(built.plan)
    flushers.background_by_device = bool(rules.get("background_by_device"))
    flushers.bw_on_completion = bool(rules.get("on_completion"))
    limits.dirty_anon, limits.dirty_reserve_of_free = bool(rules.get("anon")), bool(rules.get("reserve_of_free"))
    limits.totalreserve = int(zones(m)["totalreserve"].sum()) if rules.get("reserve") else 0
    limits.dirty_units = 4096 if rules.get("fine_ratio") else 100
    limits.flexible_proportions, limits.pos_clamp = bool(rules.get("flexible")), bool(rules.get("clamp"))
    limits.floor_in_share, limits.timer_wheel = bool(rules.get("floor_in_share")), bool(rules.get("timer_wheel"))


def _devices(built: Built) -> None:
    m = built.memory.m
    for d, disk in enumerate(built.cell.machine.disks.values()):
        bdi = bdis(m)[d]
        bdi.min_ratio, bdi.max_ratio = int(disk.min_ratio * RATIO_SCALE), int(disk.max_ratio * RATIO_SCALE)
        bdi.strictlimit = disk.strictlimit
        dirty_settings(m).bdi_min_ratio += bdi.min_ratio


def _estimates(built: Built, rules: Rules) -> None:
    """Where bandwidths, rates, limits and proportions start, at boot with all memory free."""
    m, wbs = built.memory.m, built.memory.table("wbs")
    for name in ("write_bandwidth", "avg_write_bandwidth", "dirty_ratelimit", "balanced_dirty_ratelimit"):
        wbs[name] = INIT_BW
    thresh = _set_ratelimit(built, rules, 0, 0)
    vm_completions(m).shift = vm_dirties(m).shift = period_shift(max(2, thresh))
    if rules.get("flexible"):
        built.memory.table("wb_domains")["events"] = 1  # fprop_global_init


def _set_ratelimit(built: Built, rules: Rules, file: int, anon: int) -> int:
    """Pages a CPU may dirty unasked, with so many pages of files and anonymous ones on lists; the dirty threshold.

    In the kernel: writeback_set_ratelimit, which sets the limit, too, since 4.2.
    """
    m, cfg = built.memory.m, dirty_settings(built.memory.m)
    free = int(zones(m)["nr_free"].sum())
    available = dirtyable(free, file, anon, int(cfg.totalreserve), int(cfg.dirty_reserve_of_free))
    thresh, _ = thresholds(
        available, int(cfg.dirty_ratio), int(cfg.dirty_background_ratio), -(-int(cfg.dirty_bytes) // PAGE),
        -(-int(cfg.dirty_background_bytes) // PAGE), int(cfg.dirty_units),
    )  # fmt: skip
    cpus = int(geometry(m).online_cpus)
    if not rules.get("per_cpu"):
        cfg.ratelimit_pages = ratelimit(thresh, cpus)
    elif not cfg.ratelimit_pages:
        cfg.ratelimit_pages = old_ratelimit(free, cpus)
    if rules.get("fine_ratio"):
        built.memory.table("wb_domains")[0].dirty_limit = thresh
    return thresh


def changed(built: Built, names: Set[str]) -> None:
    """A share puts its size in bytes out of force, and the other way round; what follows from limits and the reserve.

    In the kernel: dirty_ratio_handler, dirty_bytes_handler, calculate_totalreserve_pages.
    """
    cfg = dirty_settings(built.memory.m)
    for pair in EXCLUSIVE:
        for name, other in (pair, pair[::-1]):
            if name in names:
                setattr(cfg, other, 0)
    rules = {**built.modules["dirty_throttling"].RULES, **built.cell.policy["dirty_throttling"].params}
    rows = zones(built.memory.m)
    if names & OF_RESERVE and rules.get("reserve"):
        cfg.totalreserve = int(rows["totalreserve"].sum())
    if names & set(EXCLUSIVE[0]):
        lists = rows["nr_lru"].sum(axis=0)
        _set_ratelimit(built, rules, int(lists[2] + lists[3]), int(lists[0] + lists[1]) if cfg.dirty_anon else 0)


def _wbs(built: Built) -> None:
    """A backing device for every disk, under the disk's number; its wbs: the root's and those of `wb_groups`."""
    m, wbs, groups = built.memory.m, built.memory.table("wbs"), wb_groups(built.plan)
    built.memory.table("wb_domains")["wb"][groups] = range(len(groups))
    for d in range(len(built.disks)):
        each = len(wbs) // len(built.disks)
        bdis(m)[d].first_disk, bdis(m)[d].nr_disks, bdis(m)[d].first_wb, bdis(m)[d].nr_wbs = d, 1, d * each, each
        own = wbs[d * each : (d + 1) * each]
        own["bdi"], own["memcg"] = d, groups
        own["inodes"]["head"] = own["inodes"]["tail"] = NONE
