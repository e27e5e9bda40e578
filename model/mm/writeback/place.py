"""Dirty limits of a machine record: what the era counts, what the sysctls say, where estimates start."""

from types import ModuleType

from mmrun.model.description import Cell
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry
from mmrun.model.mm.dirty_throttling.dirty_pause import POLL_THRESH
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.writeback.page_writeback import dirtyable, old_ratelimit, ratelimit, thresholds
from mmrun.model.mm.writeback.state import bdis, dirty_settings, vm_completions, vm_dirties, writeback_settings
from mmrun.model.mm.writeback.wb_bandwidth import INIT_BW
from mmrun.model.mm.writeback.wb_fraction import RATIO_SCALE, period_shift
from mmrun.model.units import PAGE

SYSCTLS = (
    "dirty_ratio", "dirty_background_ratio", "dirty_bytes", "dirty_background_bytes", "dirty_writeback_centisecs",
    "dirty_expire_centisecs",
)  # fmt: skip


def wb_count(cell: Cell, groups: int) -> int:
    """Number of wbs: one a disk, with cgroup writeback one a disk and group."""
    return len(cell.machine.disks) * (groups if cell.policy["dirty_throttling"].params.get("cgroup") else 1)


def place_writeback(built: Built, throttling: ModuleType) -> None:
    """Fill what dirty throttling needs, after zones, devices and tasks are there."""
    rules = {**throttling.RULES, **built.cell.policy["dirty_throttling"].params}
    _config(built, rules)
    _devices(built)
    _estimates(built, rules)
    tasks = built.memory.table("tasks")
    tasks["nr_dirtied_pause"] = POLL_THRESH


def _config(built: Built, rules: dict[str, int | float | str | bool]) -> None:
    m, vm = built.memory.m, built.cell.vm
    for name in SYSCTLS:
        home = writeback_settings if name.endswith("_centisecs") else dirty_settings
        setattr(home(m), name, getattr(vm, name) or 0)
    if vm.dirty_bytes:
        dirty_settings(m).dirty_ratio = 0
    if vm.dirty_background_bytes:
        dirty_settings(m).dirty_background_ratio = 0
    limits, flushers, costs = dirty_settings(m), writeback_settings(m), built.cell.machine.costs
    flushers.cgroup_writeback = bool(rules.get("cgroup"))
    flushers.background_by_device = bool(rules.get("background_by_device"))
    flushers.bw_on_completion = bool(rules.get("on_completion"))
    limits.dirty_anon, limits.dirty_reserve_of_free = bool(rules.get("anon")), bool(rules.get("reserve_of_free"))
    limits.totalreserve = int(zones(m)["totalreserve"].sum()) if rules.get("reserve") else 0
    limits.dirty_units = 4096 if rules.get("fine_ratio") else 100
    limits.flexible_proportions, limits.pos_clamp = bool(rules.get("flexible")), bool(rules.get("clamp"))
    limits.floor_in_share, limits.timer_wheel = bool(rules.get("floor_in_share")), bool(rules.get("timer_wheel"))
    limits.balance_dirty, flushers.dirty_page = costs.balance_dirty, costs.dirty_page


def _devices(built: Built) -> None:
    m = built.memory.m
    for d, disk in enumerate(built.cell.machine.disks.values()):
        bdi = bdis(m)[d]
        bdi.min_ratio, bdi.max_ratio = int(disk.min_ratio * RATIO_SCALE), int(disk.max_ratio * RATIO_SCALE)
        bdi.strictlimit = disk.strictlimit
        dirty_settings(m).bdi_min_ratio += bdi.min_ratio


def _estimates(built: Built, rules: dict[str, int | float | str | bool]) -> None:
    """Where bandwidths, rates, limits and proportions start, at boot with all memory free."""
    m, wbs = built.memory.m, built.memory.table("wbs")
    cfg = dirty_settings(m)
    for name in ("write_bandwidth", "avg_write_bandwidth", "dirty_ratelimit", "balanced_dirty_ratelimit"):
        wbs[name] = INIT_BW
    total = int(zones(m)["nr_free"].sum())
    available = dirtyable(total, 0, 0, int(cfg.totalreserve), int(cfg.dirty_reserve_of_free))
    thresh, _ = thresholds(
        available, int(cfg.dirty_ratio), int(cfg.dirty_background_ratio), -(-int(cfg.dirty_bytes) // PAGE),
        -(-int(cfg.dirty_background_bytes) // PAGE), int(cfg.dirty_units),
    )  # fmt: skip
    cpus = int(geometry(m).online_cpus)
    cfg.ratelimit_pages = old_ratelimit(total, cpus) if rules.get("per_cpu") else ratelimit(thresh, cpus)
    vm_completions(m).shift = vm_dirties(m).shift = period_shift(max(2, thresh))
    domains = built.memory.table("wb_domains")
    if rules.get("flexible"):
        domains["events"] = 1  # fprop_global_init
    if rules.get("fine_ratio"):  # writeback_set_ratelimit sets the limit, too, since 4.2
        domains[0].dirty_limit = thresh
