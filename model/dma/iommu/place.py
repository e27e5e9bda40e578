"""Units and domains of a machine record: what units hold, which devices share a domain, what kind it is of."""

from mmrun.model.core.frozen import frozen
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Machine
from mmrun.model.dma.device.settings import Device
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.iommu.invalidate import flush_iotlb_all, free_tables
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iommu.state import (
    CALENDAR,
    ENTRIES,
    IDENTITY,
    LAZY,
    OWN,
    STRICT,
    iommu_domains,
    iommu_state,
    iommus,
    iotlb_of,
    iotlbs,
)
from mmrun.model.dma.iova.state import SINGLE, iova_domains
from mmrun.model.machine.built import Built, Plan
from mmrun.model.units import PAGE_SHIFT

KINDS = ("intel", "amd", "smmu", "virtio")
LEVELS = {"4KiB": 0, "2MiB": 1, "1GiB": 2}
ONE_SET = 64  # ways, if a description says none
MOST_TABLES = 1 << 16  # of all domains; 128 GiB of addresses
BY_MODE = {"passthrough": IDENTITY, "strict": STRICT, "lazy": LAZY, "single": LAZY, "own": OWN}
ORDERS, MOST_SHADOWS = 2, 1 << 14  # lists of permanently mapped buffers a CPU has; all buffers


@frozen
class Group:
    """Devices that share a domain: their unit and numbers; `mode`: what is asked for them, None: nothing."""

    unit: str
    devices: tuple[int, ...]
    mode: str | None


def _mode(devices: list[Device]) -> str | None:
    """The strictest mode that one of a group asks for."""
    asked = [*("strict" for each in devices if each.untrusted), *(each.iommu_mode for each in devices)]
    return next((mode for mode in ("strict", "lazy", "passthrough") if mode in asked), None)


def groups(machine: Machine) -> list[Group]:
    """The groups of the devices in use that a unit translates for, in the order of their first."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, name in enumerate(machine.use):
        device = machine.devices[name]
        if device.iommu is not None:
            key = (device.iommu, f"group {device.group}" if device.group is not None else f"device {name}")
            found.setdefault(key, []).append(number)
    names = machine.use
    return [
        Group(unit, tuple(own), _mode([machine.devices[names[n]] for n in own])) for (unit, _), own in found.items()
    ]


def kind_of(cell: Cell, group: Group, default: str) -> int:
    """The kind of a group's domain; `default`: DOMAIN of the axis' variant."""
    mode = group.mode or default
    if mode == "as-built":
        mode = "lazy" if cell.machine.iommus[group.unit].kind in ("intel", "amd") else "strict"
    return BY_MODE[mode]


def _tlbs(machine: Machine) -> dict[str, int]:
    """How many IOTLBs each unit has: one, or one for each of its devices in use."""
    own = {name: sum(machine.devices[each].iommu == name for each in machine.use) for name in machine.iommus}
    return {
        name: 1 if (unit.kind != "smmu" if unit.shared is None else unit.shared) else own[name]
        for name, unit in machine.iommus.items()
    }


def ways_of(unit: Iommu) -> int:
    """Ways of the sets of an IOTLB: as described, or the most that divide its size."""
    return unit.iotlb_ways or max(n for n in range(1, ONE_SET + 1) if unit.iotlb % n == 0)


def _entries(unit: Iommu) -> int:
    return unit.iotlb + unit.iotlb_large + unit.walk_cache


def _translates(plan: Plan) -> bool:
    return bool(groups(plan.cell.machine))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; none where no device is behind a unit."""
    machine = plan.cell.machine
    if not _translates(plan):
        return {"iommus": 0}
    tlbs, domains = _tlbs(machine), len(groups(machine))
    tables = min(plan.frames, MOST_TABLES)
    own = plan.modules["iommu"].DOMAIN == "own"
    return {
        "iommus": len(machine.iommus), "iotlbs": sum(tlbs.values()),
        "iotlb_entries": sum(tlbs[name] * _entries(unit) for name, unit in machine.iommus.items()),
        "iommu_queues": len(machine.iommus) * CALENDAR, "iommu_domains": domains, "iommu_tables": tables,
        "iommu_words": tables * ENTRIES, "shadows": min(plan.frames, MOST_SHADOWS) * own,
        "iotlb_of": len(machine.use), "shadow_lists": domains * plan.cpus * ORDERS * own,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What queues of addresses ask for, where there are units."""
    return (flush_iotlb_all, free_tables) if _translates(plan) else ()


def place(built: Built) -> None:
    """Fill the rows of units, of what they hold, and of domains; tell devices which are theirs."""
    if not _translates(built.plan):
        return
    m, cell, first, tlb = built.memory.m, built.cell, 0, 0
    machine, count = cell.machine, _tlbs(cell.machine)
    for number, (name, unit) in enumerate(machine.iommus.items()):
        row = iommus(m)[number]
        row.kind, row.first_tlb, row.tlbs = KINDS.index(unit.kind), tlb, count[name]
        row.largest, row.last = LEVELS[unit.largest_page], (1 << unit.address_bits - PAGE_SHIFT) - 1
        row.max_amask, row.ranges, row.caching = unit.max_amask, unit.range_invalidation, unit.caching_mode
        for _ in range(count[name]):
            held, ways = iotlbs(m)[tlb], ways_of(unit)
            held.unit, held.first, held.sets, held.ways = number, first, unit.iotlb // ways, ways
            held.large, held.walks = unit.iotlb_large, unit.walk_cache
            first, tlb = first + _entries(unit), tlb + 1
    iommu_state(m).free = NONE
    built.memory.table("shadow_lists")[:] = NONE
    _domains(built)


def _domains(built: Built) -> None:
    m, cell, units, used = built.memory.m, built.cell, list(built.cell.machine.iommus), dict[int, int]()
    for number, group in enumerate(groups(cell.machine)):
        domain, unit = iommu_domains(m)[number], units.index(group.unit)
        domain.kind = kind_of(cell, group, built.modules["iommu"].DOMAIN)
        domain.unit, domain.top = unit, NONE
        if group.mode is None and built.modules["iommu"].DOMAIN == "single":
            iova_domains(m)[number].queue = SINGLE
        domain.node = dma_devices(m)[group.devices[0]].node
        for n in group.devices:
            device = dma_devices(m)[n]
            device.unit, device.domain = unit, number
            iotlb_of(m)[n].tlb = iommus(m)[unit].first_tlb + used.get(unit, 0) % int(iommus(m)[unit].tlbs)
            used[unit] = used.get(unit, 0) + 1
