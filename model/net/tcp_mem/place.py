"""Socket memory of a machine record: marks and buffers by its size, which groups pay, lines for their counters."""

from mmrun.model.core.calendar import SLOTS
from mmrun.model.core.jit import Hook
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import geometry
from mmrun.model.mechanisms import parts
from mmrun.model.mm.memcg.place import UNLIMITED, described
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.page.gfp import ZONE_NORMAL
from mmrun.model.mm.page.state import zones
from mmrun.model.net.tcp_mem.groups import vmpressure
from mmrun.model.net.tcp_mem.state import tcp_mem, tcp_mem_settings
from mmrun.model.units import PAGE, KiB, MiB

LEAST_MARK = 128  # pages
PCPU_RESERVE = 256  # pages, SK_MEMORY_PCPU_RESERVE until it became a sysctl


def has_sockets(plan: Plan) -> bool:
    """Whether any mechanism wants sockets."""
    return any(bool(part.sockets(plan)) for part in parts("place") if hasattr(part, "sockets"))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; none without sockets."""
    groups, any_ = len(plan.groups), has_sockets(plan)
    count = (1 + 2 * groups) * any_
    return {
        "lines": count, "line_users": count * plan.cpus, "line_slots": count * SLOTS, "sock_groups": groups * any_,
        "tcp_reserves": plan.cpus * any_,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What reclaim tells of groups, where sockets listen."""
    return (vmpressure,)


def marks(pages: int, divisor: int) -> tuple[int, int, int]:
    """Default tcp_mem of a machine with so many buffer pages (tcp_init)."""
    limit = max(pages // divisor, LEAST_MARK)
    return limit // 4 * 3, limit, limit // 4 * 3 * 2


def buffer_pages(built: Built) -> int:
    """Pages up to zone Normal above the high watermarks (nr_free_buffer_pages)."""
    all_zones = zones(built.memory.m)[: int(geometry(built.memory.m).nr_zones)]
    return sum(max(int(z["managed"] - z["wmark_high"]), 0) for z in all_zones if z["kind"] <= ZONE_NORMAL)


def place(built: Built) -> None:
    """Fill marks, sizes of buffers, and who is charged."""
    if not has_sockets(built.plan):
        return
    m, vm, ways = built.memory.m, built.cell.vm, era(built.cell.kernel).flags
    settings, state = tcp_mem_settings(m), tcp_mem(m)
    pages = buffer_pages(built)
    default = marks(pages, ways["tcp_mem_divisor"])
    middle = vm.tcp_mem_pressure or default[1]
    least = vm.tcp_mem_min or (middle // 4 * 3 if vm.tcp_mem_pressure else default[0])
    state.enabled, state.mark[:] = 1, (least, middle, vm.tcp_mem_max or 2 * least)
    share = (pages if ways["tcp_buffers_by_memory"] else default[1]) * PAGE // 128
    rmem = vm.tcp_rmem_default
    state.wmem[:] = PAGE, vm.tcp_wmem_default, vm.tcp_wmem_max or max(64 * KiB, min(4 * MiB, share))
    state.rmem[:] = PAGE, rmem, vm.tcp_rmem_max or max(ways["tcp_rmem_default"], min(ways["tcp_rmem_cap"], share))
    settings.mem_pcpu_rsv = vm.mem_pcpu_rsv or PCPU_RESERVE
    _groups(built)


def _groups(built: Built) -> None:
    """Which groups pay for their sockets, by the variant and the version of cgroups."""
    m, plan = built.memory.m, built.plan
    module, settings = plan.modules["tcp_accounting"], tcp_mem_settings(m)
    pays = getattr(module, "PAYS", "nobody")
    settings.legacy = int(pays == "groups" and built.cell.cgroup_version == "v1")
    settings.group_marks, settings.accessor = getattr(module, "GROUP_MARKS", 0), getattr(module, "ACCESSOR", 0)
    settings.beyond_root = int(pays == "everybody" or (pays == "groups" and not settings.legacy))
    table, known = built.memory.table("sock_groups"), described(built.cell)
    limits = [None, *(known[name].kmem_tcp_limit for name in built.cgroups[1:])]
    table["limit"] = [UNLIMITED if limit is None else limit // PAGE for limit in limits]
    if pays == "everybody":
        table["accounted"] = 1
    elif pays == "groups" and not settings.legacy:
        table["accounted"][1:] = 1
    elif pays != "nobody":
        table["accounted"] = [limit is not None for limit in limits]
    settings.accounts = int(table["accounted"].any())
    settings.reclaim_tells = int(pays == "groups" and not settings.legacy and len(table) > 1)
    if batch := int(built.cell.policy["tcp_accounting"].params.get("batch", 0)):
        memcg_settings(m).charge_batch = batch
