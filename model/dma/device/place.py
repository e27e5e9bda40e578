"""DMA devices of a machine record: a row for each that takes part, in the order of `machine.use`."""

from mmrun.model.core.record import NONE
from mmrun.model.description import Machine
from mmrun.model.dma.device.settings import Device
from mmrun.model.dma.device.state import DIRECT, dma_devices
from mmrun.model.machine.built import Built, Plan

KINDS = ("nic", "disk-controller", "camera", "codec", "gpu", "legacy")  # DMA_DEVICE.kind
HIGHEST = (1 << 63) - 1  # address of a mask of 64 bits
NVME_PAGE = 4096  # a bounced page of an NVMe device keeps its place in a page (NVME_CTRL_PAGE_SIZE)


def used(machine: Machine) -> dict[str, Device]:
    """The devices that take part, by name, in the order of their rows."""
    return {name: machine.devices[name] for name in machine.use}


def number_of(machine: Machine, name: str) -> int:
    """Row of the device of that name; ValueError if it takes no part."""
    return machine.use.index(name)


def mask_of(bits: int) -> int:
    """The highest address that so many bits can drive."""
    return min((1 << bits) - 1, HIGHEST)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    use = plan.cell.machine.use
    return {"dma_devices": len(use), "dma_device_of_task": len(plan.tasks) if use else 0}


def place(built: Built) -> None:
    """Fill the rows of devices, all of them without a translation so far; and which of them tasks drive."""
    machine, m = built.cell.machine, built.memory.m
    units = list(machine.iommus)
    for n, device in enumerate(used(machine).values()):
        row = dma_devices(m)[n]
        row.kind, row.node, row.ops = KINDS.index(device.kind), device.node, DIRECT
        row.mask = mask_of(device.dma_mask_bits)
        row.coherent_mask = mask_of(device.coherent_mask_bits or device.dma_mask_bits)
        row.unit, row.domain = units.index(device.iommu) if device.iommu else NONE, NONE
        row.need32 = device.dma_mask_bits > 32
        row.boundary, row.max_segment = device.segment_boundary, device.max_segment
        row.coherent, row.untrusted = device.coherent, device.untrusted
        if getattr(device, "protocol", "") == "nvme":
            row.min_align = NVME_PAGE - 1
    if machine.use:
        drives = built.memory.table("dma_device_of_task")
        for t, task in enumerate(built.plan.tasks.values()):
            name = task.stream.params.get("device")
            drives[t] = number_of(machine, name) if name is not None else NONE
