"""What must hold between the devices that a machine uses, their units and their disks."""

from collections.abc import Iterator

from mmrun.model.block.settings import Nfs, Stripe
from mmrun.model.description import Machine
from mmrun.model.dma.device.settings import Device, DiskController
from mmrun.model.rules.record import Fault
from mmrun.model.rules.words import suggest


def faults(machine: Machine) -> Iterator[Fault]:
    """Everything that does not go together in the devices that take part; that each is there, others have asked."""
    own = {name: machine.devices[name] for name in machine.use if name in machine.devices}
    for index, name in enumerate(machine.use):
        if name in machine.use[:index]:
            yield Fault(("use", index), f"`{name}` is named twice", "once is enough")
    for name, device in own.items():
        if device.node >= len(machine.nodes):
            what = f"the machine has no node {device.node}"
            yield Fault(("devices", name, "node"), what, f"0 to {len(machine.nodes) - 1}")
        yield from (fault.below("devices", name) for fault in _translated(device))
    yield from _groups(own)
    yield from _controllers(own, machine)


def _translated(device: Device) -> Iterator[Fault]:
    """A type of domain needs a unit; who is not trusted unmaps at once."""
    if device.iommu_mode is not None and device.iommu is None:
        yield Fault(("iommu_mode",), "no unit translates for the device", "name one: `iommu`, or leave it out")
    if device.untrusted and device.iommu_mode not in (None, "strict"):
        yield Fault(("iommu_mode",), "a device that is not trusted unmaps at once", "strict, or leave it out")


def _groups(own: dict[str, Device]) -> Iterator[Fault]:
    """Devices of a group are behind one unit, and share a domain of one type."""
    first: dict[str, str] = {}
    for name, device in own.items():
        if device.group is None:
            continue
        if device.iommu is None:
            what = f"`{name}` is in a group, and nothing translates for it"
            yield Fault(("devices", name, "group"), what, "name its `iommu`, or leave the group out")
            continue
        other = own[first.setdefault(device.group, name)]
        if device.iommu != other.iommu:
            what = f"`{name}` and `{first[device.group]}` are of one group, but behind different units"
            yield Fault(("devices", name, "group"), what, "one unit a group")
        elif device.iommu_mode != other.iommu_mode:
            what = f"`{name}` and `{first[device.group]}` share a domain, which has one type"
            yield Fault(("devices", name, "iommu_mode"), what, "the same for both")


def _controllers(own: dict[str, Device], machine: Machine) -> Iterator[Fault]:
    """Disks that there are, each behind one controller; those of a stripe all behind the same one."""
    behind: dict[str, str] = {}
    for name, device in own.items():
        if not isinstance(device, DiskController):
            continue
        here = ("devices", name, "disks")
        if not device.disks:
            yield Fault(here, f"controller `{name}` has no disks", "name some, or leave it out of `use`")
        for index, disk in enumerate(device.disks):
            if disk not in machine.disks:
                yield Fault((*here, index), f"the machine has no disk `{disk}`", suggest(disk, machine.disks))
            elif isinstance(machine.disks[disk], Stripe | Nfs):
                what = f"`{disk}` is a {machine.disks[disk].kind}, which no controller moves"
                yield Fault((*here, index), what, "name plain disks, for a stripe its members")
            elif disk in behind:
                yield Fault((*here, index), f"`{disk}` is behind `{behind[disk]}` already", "one controller a disk")
            behind.setdefault(disk, name)
    for name, array in machine.disks.items():
        if isinstance(array, Stripe) and len({behind.get(member) for member in array.members}) > 1:
            what = f"members of `{name}` are behind different controllers"
            yield Fault(("disks", name, "members"), what, "all of them behind one, or none")
