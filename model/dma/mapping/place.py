"""What devices have mapped, of a machine record: whose operations each has, tables, disks behind controllers."""

from mmrun.model.block.settings import Stripe
from mmrun.model.block.state import disks
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.place import number_of, used
from mmrun.model.dma.device.settings import DiskController, Nic
from mmrun.model.dma.device.state import ARM, DIRECT, IOMMU, dma_devices
from mmrun.model.dma.iommu.place import Group, kind_of
from mmrun.model.dma.iommu.state import IDENTITY, iommu_domains, iotlb_of
from mmrun.model.dma.mapping.disk import AHCI, NVME, PER_BLOCK, VIRTIO_BLK, dma_map_request, dma_unmap_request
from mmrun.model.dma.mapping.probe import probe
from mmrun.model.dma.mapping.requests import dma_map_buffer, dma_sync_buffer, dma_unmap_buffer
from mmrun.model.dma.mapping.state import PDU_BLOCKS, SG_ROWS, controllers, dma_settings, mapping_state
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.state import swiotlb_settings
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.driver.place import rows as driver_rows
from mmrun.model.units import PAGE

PROTOCOLS = {"ahci": AHCI, "nvme": NVME, "virtio-blk": VIRTIO_BLK}
SEGMENTS = {AHCI: 168, NVME: 128, VIRTIO_BLK: 254}  # AHCI_MAX_SG, NVME_MAX_SEGS, seg_max of QEMU's queue of 256
OPT_PAGES = 32  # iommu_dma_opt_mapping_size: what caches of addresses keep
MOST_MAPS = 1 << 20  # of requests
LAST32 = (1 << 32) - 1
RING = 2048  # descriptors of a card that says nothing, both rings together, at most


def _controllers(plan: Plan) -> dict[str, DiskController]:
    return {name: device for name, device in used(plan.cell.machine).items() if isinstance(device, DiskController)}


def _own_maps(plan: Plan) -> int:
    """Mappings that requests and rings have at most."""
    machine = plan.cell.machine
    cards = [device for device in used(machine).values() if isinstance(device, Nic)]
    rings = sum((card.ring or RING) + (card.tx_ring or RING) + (card.ring or RING) for card in cards)
    each = 4 if any(device.protocol == "virtio-blk" for device in _controllers(plan).values()) else 1
    return rings + (min(plan.frames * each, MOST_MAPS) if _controllers(plan) else 0)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    machine = plan.cell.machine
    if not machine.use:
        return {"scatterlist": 0, "dma_maps": 0, "dma_buffers": 0, "map_of_block": 0, "controllers": 0}
    numbered = driver_rows(plan)["buffers"]
    return {
        "scatterlist": SG_ROWS, "dma_maps": numbered + _own_maps(plan), "dma_buffers": numbered + 16 * len(machine.use),
        "map_of_block": plan.frames if any(isinstance(device, Nic) for device in used(machine).values()) else 0,
        "controllers": len(machine.use),
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """A driver that sets itself up, for each device, where there are disk controllers."""
    return {"probe": len(plan.cell.machine.use)} if _controllers(plan) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What streams may ask for, and the block layer; where there are no devices they need not be compiled."""
    if not plan.cell.machine.use:
        return ()
    found = (dma_map_buffer, dma_unmap_buffer, dma_sync_buffer)
    return (*found, dma_map_request, dma_unmap_request, probe) if _controllers(plan) else found


def place(built: Built) -> None:
    """Fill rows, give devices the operations of their units, disks their controllers."""
    m, machine = built.memory.m, built.cell.machine
    if not machine.use:
        return
    maps, numbered = built.memory.table("dma_maps"), driver_rows(built.plan)["buffers"]
    maps["dev"] = NONE
    mapping_state(m).map_rows, mapping_state(m).left = numbered, len(maps) - numbered
    built.memory.table("dma_buffers")["pfn"] = NONE
    if built.modules["dma_ops"].ONE_FOR_ALL:
        _bus_wide(built)
    for device, d in zip(used(machine).values(), dma_devices(m), strict=True):
        of_arm = not device.coherent or (device.iommu is not None and machine.iommus[device.iommu].kind == "smmu")
        d.translated = d.domain != NONE and iommu_domains(m)[int(d.domain)].kind != IDENTITY
        if of_arm and not dma_settings(m).arm_dma_ops:
            d.translated = 0
        d.ops = ARM if of_arm and dma_settings(m).arm_own_ops else IOMMU if d.translated else DIRECT
    built.memory.table("controllers")["protocol"] = NONE
    for name, device in _controllers(built.plan).items():
        _controller(built, number_of(machine, name), device)
    for number, disk in enumerate(machine.disks.values()):
        if isinstance(disk, Stripe):
            disks(m)[number].dma = disks(m)[built.disks.index(disk.members[0])].dma


def needs_mapping(built: Built, dev: int) -> bool:
    """Whether it matters to a device what is mapped for it: else all addresses are its own, and all are in reach."""
    m = built.memory.m
    d, last = dma_devices(m)[dev], pfn_to_dma(m, built.plan.frames - 1) + PAGE - 1
    return bool(d.translated or d.mask < last or not d.coherent or swiotlb_settings(m).forced)


def _bus_wide(built: Built) -> None:
    """All devices behind units have one translation: as the most limited one needs it, of one kind."""
    m, machine, default = built.memory.m, built.cell.machine, built.modules["iommu"].DOMAIN
    own = tuple(n for n, device in enumerate(used(machine).values()) if device.iommu)
    if not own:
        return
    first = dma_devices(m)[own[0]]
    mask, last = min(int(dma_devices(m)[n].mask) for n in own), pfn_to_dma(m, built.plan.frames - 1) + PAGE - 1
    group = Group(list(machine.iommus)[int(first.unit)], own, None)
    kind = kind_of(built.cell, group, default)
    if kind == IDENTITY and mask < last:
        kind = kind_of(built.cell, group, "as-built")
    iommu_domains(m)[int(first.domain)].kind = kind
    for n in own:
        d = dma_devices(m)[n]
        d.domain, d.unit, d.mask, d.need32 = first.domain, first.unit, mask, d.need32 and mask > LAST32
        iotlb_of(m)[n] = iotlb_of(m)[own[0]]


def _controller(built: Built, dev: int, device: DiskController) -> None:
    m, flags = built.memory.m, era(built.cell.kernel).flags
    row = controllers(m)[dev]
    row.protocol = PROTOCOLS[device.protocol]
    row.most, row.depth = SEGMENTS[int(row.protocol)], PDU_BLOCKS * PER_BLOCK
    if row.protocol == VIRTIO_BLK:
        row.depth = 256
    if row.protocol == NVME and dma_devices(m)[dev].translated and flags["dma_opt_size"]:
        row.most = OPT_PAGES
    for name in device.disks:
        disk = disks(m)[built.disks.index(name)]
        disk.dma = dev + 1
        if disk.max_pages:
            disk.max_pages = min(int(disk.max_pages), int(row.most))
