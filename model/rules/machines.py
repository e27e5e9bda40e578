"""What must hold between the parts of a machine, beyond what each part's type says of itself."""

from collections.abc import Iterable, Iterator

from mmrun.model.block.settings import Nfs, Stripe, SwapTarget, given
from mmrun.model.description import Machine
from mmrun.model.dma.device.settings import Nic
from mmrun.model.machine.settings import MAX_CPUS, MAX_MEMORY, MAX_SWAP
from mmrun.model.rules import devices
from mmrun.model.rules.record import Fault
from mmrun.model.rules.words import suggest


def faults(machine: Machine) -> Iterator[Fault]:
    """Everything that does not go together in a machine whose parts are each sound."""
    yield from _nodes(machine)
    yield from _distance(machine)
    yield from _devices(machine)
    yield from _cma(machine)
    for name, disk in machine.disks.items():
        if isinstance(disk, Stripe):
            yield from (fault.below("disks", name) for fault in _members(disk, machine))
        if isinstance(disk, Nfs):
            yield from (fault.below("disks", name) for fault in _mount(disk, machine))
    swap = sum(area.size for area in machine.swap.values())
    if swap > MAX_SWAP:
        yield Fault(("swap",), f"{shown(swap)} of swap", f"at most {shown(MAX_SWAP)} in all")
    for name, area in machine.swap.items():
        yield from (fault.below("swap", name) for fault in _swap(area, machine))


def memory_of(machine: Machine) -> int:
    """Bytes of memory of all nodes."""
    return sum(node.memory for node in machine.nodes)


def _nodes(machine: Machine) -> Iterator[Fault]:
    cpus = sum(node.cpus for node in machine.nodes)
    if cpus == 0:
        yield Fault(("nodes",), "no node has CPUs, so nothing can run", "give at least one node `cpus: 1`")
    if cpus > MAX_CPUS:
        yield Fault(("nodes",), f"{cpus} CPUs", f"at most {MAX_CPUS} are possible")
    if memory_of(machine) > MAX_MEMORY:
        yield Fault(("nodes",), "more memory than the model can hold", f"up to {shown(MAX_MEMORY)} in all")


def _distance(machine: Machine) -> Iterator[Fault]:
    matrix, count = machine.distance, len(machine.nodes)
    if matrix is None:
        return
    if len(matrix) != count:
        yield Fault(("distance",), f"the distance matrix has {len(matrix)} rows for {count} nodes", "one row a node")
    for i, row in enumerate(matrix):
        wanted = max(count, len(matrix))
        if len(row) != wanted:
            what = f"row {i} of the distance matrix has {len(row)} entries for {wanted} nodes"
            yield Fault(("distance", i), what, "the matrix is square")
        for j, value in enumerate(row):
            if i == j and value != 10:
                yield Fault(("distance", i, j), f"distance from node {i} to itself is {value}", "it is 10")
            elif i != j and value == 10:
                yield Fault(("distance", i, j), f"distance 10 from node {i} to node {j}", "11 to 254")


def _devices(machine: Machine) -> Iterator[Fault]:
    for index, name in enumerate(machine.use):
        device = machine.devices.get(name)
        if device is not None:
            yield from (fault.below("devices", name) for fault in known(device.iommu, machine.iommus, "IOMMU", "iommu"))
        if isinstance(device, Nic):
            yield from _nic(name, index, device, machine)
        elif device is None:
            yield from known(name, machine.devices, "device", "use", index)
    yield from devices.faults(machine)


def _nic(name: str, index: int, card: Nic, machine: Machine) -> Iterator[Fault]:
    if card.link is None:
        yield Fault(("use", index), f"network card `{name}` is plugged into nothing", "give it a `link`")
    yield from (fault.below("devices", name) for fault in known(card.link, machine.links, "link", "link"))
    others = [each for each in machine.use[:index] if getattr(machine.devices.get(each), "link", None) == card.link]
    if others and card.link is not None:
        yield Fault(("use", index), f"`{others[0]}` has link `{card.link}` already", "one card a link")
    if card.cpu >= sum(node.cpus for node in machine.nodes):
        yield Fault(("devices", name, "cpu"), f"the machine has no CPU {card.cpu}", "CPUs are numbered from 0")


def _cma(machine: Machine) -> Iterator[Fault]:
    """Areas on nodes that there are, in all at most half of each."""
    for nid, node in enumerate(machine.nodes):
        own = {name: area.size for name, area in machine.cma.items() if area.node == nid}
        if sum(own.values()) > node.memory // 2:
            what = f"areas of {shown(sum(own.values()))} on node {nid}, which has {shown(node.memory)}"
            yield Fault(("cma", max(own, key=own.__getitem__), "size"), what, "at most half of it")
    for name, area in machine.cma.items():
        if area.node >= len(machine.nodes):
            yield Fault(("cma", name, "node"), f"the machine has no node {area.node}", f"0 to {len(machine.nodes) - 1}")


def _members(disk: Stripe, machine: Machine) -> Iterator[Fault]:
    for index, member in enumerate(disk.members):
        yield from known(member, machine.disks, "disk", "members", index)
        kind = machine.disks[member].kind if member in machine.disks else ""
        if kind in ("stripe", "nfs"):
            what = "a stripe itself" if kind == "stripe" else "a mount from a file server"
            yield Fault(("members", index), f"`{member}` is {what}", "name plain disks")


def _mount(disk: Nfs, machine: Machine) -> Iterator[Fault]:
    yield from known(disk.link, machine.links, "link", "link")
    yield from known(disk.server, machine.disks, "disk", "server")
    if disk.server in machine.disks and machine.disks[disk.server].kind in ("nfs", "stripe"):
        yield Fault(("server",), f"`{disk.server}` is no plain disk", "name one")


def _swap(area: SwapTarget, machine: Machine) -> Iterator[Fault]:
    name = given(area, "disk")
    yield from known(name, machine.disks, "disk", "disk")
    yield from known(given(area, "link"), machine.links, "link", "link")
    disk = machine.disks.get(name or "")
    if isinstance(disk, Nfs):
        fix = f"a disk, or swap over it: kind: nfs, link: {disk.link}"
        yield Fault(("disk",), f"`{name}` is a mount from a file server, which holds files only", fix)
    if disk is not None and area.size > disk.size:
        yield Fault(("size",), f"the swap area is larger than its disk `{name}` ({shown(disk.size)})", "make it fit")


def known(name: str | None, names: Iterable[str], kind: str, *path: str | int) -> Iterator[Fault]:
    """A fault at `path` when a name is none that the machine has."""
    if name is not None and name not in names:
        yield Fault(path, f"the machine has no {kind} `{name}`", suggest(name, names))


def shown(size: int) -> str:
    """A size in bytes as it would be written."""
    from mmrun.model.rules.quantity import show

    return show(size, "bytes")
