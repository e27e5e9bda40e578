"""Whether a described machine can exist: what types cannot say, each fault at its place."""

from mmrun.model.block.settings import disk_value
from mmrun.model.description import Disk, Link, Machine, SwapTarget
from mmrun.model.units import KiB, MiB
from mmrun.runner.config import units
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.config.trees import place_of
from mmrun.runner.config.yaml_nodes import Mapping

MAX_NODES = 16
MAX_CPUS = 256
MAX_MEMBERS = 32
MIN_MEMORY = 16 * MiB
MAX_MEMORY = 64 << 40
PAGE = 4 * KiB
NETWORK = ("nbd", "nfs", "iscsi")


class MachineCheck:
    """Notes every fault of one machine; `item` is the tree it was read from."""

    def __init__(self, machine: Machine, item: Mapping, problems: Problems) -> None:
        self.machine, self.item, self.problems = machine, item, problems

    def run(self) -> None:
        """Check everything."""
        self.nodes()
        self.distance()
        self.devices()
        for name, disk in self.machine.disks.items():
            self.disk(name, disk)
        for name, link in self.machine.links.items():
            self.link(name, link)
        for name, area in self.machine.swap.items():
            self.swap(name, area)
        if self.machine.hz not in (100, 250, 1000):
            self.fault(f"hz is {self.machine.hz}", "100, 250 or 1000", "hz")

    def fault(self, message: str, fix: str, *path: str | int) -> None:
        self.problems.add(place_of(self.item, *path), message, fix)

    def nodes(self) -> None:
        nodes = self.machine.nodes
        if not 1 <= len(nodes) <= MAX_NODES:
            self.fault(f"{len(nodes)} nodes", f"1 to {MAX_NODES} are possible", "nodes")
        cpus = sum(node.cpus for node in nodes)
        if nodes and cpus <= 0:
            self.fault("no node has CPUs, so nothing can run", "give at least one node `cpus: 1`", "nodes")
        if cpus > MAX_CPUS:
            self.fault(f"{cpus} CPUs", f"at most {MAX_CPUS} are possible", "nodes")
        for index, node in enumerate(nodes):
            if node.cpus < 0:
                self.fault(f"a node cannot have {node.cpus} CPUs", "0 makes it memory-only", "nodes", index, "cpus")
            self.size(node.memory, "memory", MIN_MEMORY, "nodes", index, "memory")
            if node.bandwidth == 0:
                self.fault("a bandwidth of zero", "examples: 80GB/s", "nodes", index, "bandwidth")
        if sum(node.memory for node in nodes) > MAX_MEMORY:
            self.fault(
                "more memory than the model can hold", f"up to {units.show(MAX_MEMORY, 'bytes')} in all", "nodes"
            )

    def size(self, value: int, what: str, least: int, *path: str | int) -> None:
        if value < least:
            self.fault(f"{what} of {units.show(value, 'bytes')}", f"at least {units.show(least, 'bytes')}", *path)
        elif value % PAGE:
            self.fault(f"{what} is not a whole number of 4KiB pages", "use KiB, MiB or GiB", *path)

    def distance(self) -> None:
        matrix, count = self.machine.distance, len(self.machine.nodes)
        if matrix is None:
            return
        if len(matrix) != count:
            self.fault(f"the distance matrix has {len(matrix)} rows for {count} nodes", "one row a node", "distance")
        for i, row in enumerate(matrix):
            if len(row) != max(count, len(matrix)):
                what = f"row {i} of the distance matrix has {len(row)} entries for {max(count, len(matrix))} nodes"
                self.fault(what, "the matrix is square", "distance", i)
            for j, value in enumerate(row):
                if i == j and value != 10:
                    self.fault(f"distance from node {i} to itself is {value}", "it is 10", "distance", i, j)
                elif i != j and not 10 < value < 255:
                    self.fault(f"distance {value} from node {i} to node {j}", "11 to 254", "distance", i, j)

    def disk(self, name: str, disk: Disk) -> None:
        here = ("disks", name)
        if not 1 <= disk_value(disk, "parallel") <= 4096:
            self.fault(f"{disk.parallel} requests served at once", "1 to 4096", *here, "parallel")
        for rate in ("read_bandwidth", "write_bandwidth"):
            if getattr(disk, rate) == 0:
                self.fault(f"{rate} is zero: nothing would ever arrive", "examples: 500MB/s", *here, rate)
        if disk.size == 0:
            self.fault("a disk without capacity", "examples: 256GiB", *here, "size")
        if not 0 <= disk.min_ratio <= disk.max_ratio <= 100:
            self.fault(f"shares of {disk.min_ratio} to {disk.max_ratio} percent", "0 to 100, min_ratio the smaller",
                       *here, "min_ratio")  # fmt: skip
        self.parts(name, disk)

    def parts(self, name: str, disk: Disk) -> None:
        """What only some kinds of disks have."""
        here = ("disks", name)
        if (disk.kind == "stripe") != bool(disk.members):
            what = "a stripe without disks" if disk.kind == "stripe" else f"a disk of kind {disk.kind} has no members"
            self.fault(what, "write kind: stripe and members: [a, b]", *here, "members")
        if len(disk.members) > MAX_MEMBERS:
            self.fault(f"{len(disk.members)} members", f"up to {MAX_MEMBERS}", *here, "members")
        for index, member in enumerate(disk.members):
            self.known(member, self.machine.disks, "disk", *here, "members", index)
            if member in self.machine.disks and self.machine.disks[member].kind == "stripe":
                self.fault(f"`{member}` is a stripe itself", "name plain disks", *here, "members", index)
        if (disk.kind == "nfs") != (disk.link is not None):
            self.fault("a mount from a file server needs a link, others none", "kind: nfs, link: <name>", *here, "link")
        self.known(disk.link, self.machine.links, "link", *here, "link")
        self.known(disk.server, self.machine.disks, "disk", *here, "server")
        if disk.server in self.machine.disks and self.machine.disks[disk.server].kind in ("nfs", "stripe"):
            self.fault(f"`{disk.server}` is no plain disk", "name one", *here, "server")
        for key in ("chunk", "erase_block"):
            if getattr(disk, key) == 0 or getattr(disk, key) % PAGE:
                self.fault(f"{key} is whole 4KiB pages", "examples: 128KiB", *here, key)
        for key, low, high in (("rpm", 1, 100_000), ("inner_rate", 0.01, 1.0), ("open_blocks", 1, 8)):
            if not low <= getattr(disk, key) <= high:
                self.fault(f"{key} is {getattr(disk, key)}", f"{low} to {high}", *here, key)
        if not disk.seek_track <= disk.seek_average <= disk.seek_full:
            self.fault(
                "a longer seek takes less time", "seek_track <= seek_average <= seek_full", *here, "seek_average"
            )
        for what in ("fail", "stall"):
            begin, end = getattr(disk, f"{what}_from"), getattr(disk, f"{what}_until")
            if end is not None and (begin is None or end < begin):
                self.fault(f"{what}_until comes before {what}_from", "give both in order", *here, f"{what}_until")
        if disk.fail_from is not None and disk.kind in ("stripe", "nfs"):
            self.fault(f"writes fail on disks, not on a {disk.kind}", "write it at the disk", *here, "fail_from")
        if disk.stall_from is not None and (disk.stall_until is None or disk.kind not in ("hdd", "usb")):
            self.fault("a stall ends, and only an hdd or usb disk stalls", "add stall_until", *here, "stall_from")

    def link(self, name: str, link: Link) -> None:
        if link.bandwidth == 0:
            self.fault("bandwidth is zero: nothing would ever arrive", "examples: 10Gbit/s", "links", name, "bandwidth")
        if not 576 <= link.mtu <= 65_535:
            self.fault(f"an MTU of {link.mtu} bytes", "576 to 65535; usual: 1500, 9000", "links", name, "mtu")

    def swap(self, name: str, area: SwapTarget) -> None:
        here = ("swap", name)
        self.size(area.size, "swap area", PAGE, *here, "size")
        self.known(area.disk, self.machine.disks, "disk", *here, "disk")
        self.known(area.link, self.machine.links, "link", *here, "link")
        if area.kind == "partition" and area.disk is None:
            self.fault(f"the swap partition `{name}` lies on no disk", "add `disk: <name>`", *here)
        if area.kind in NETWORK and area.link is None:
            self.fault(f"swap over {area.kind} needs a link", "add `link: <name>`", *here)
        if area.disk in self.machine.disks and self.machine.disks[area.disk].kind == "nfs":
            self.fault(
                f"`{area.disk}` is a mount from a file server, which holds files only",
                f"a disk, or swap over it: kind: nfs, link: {self.machine.disks[area.disk].link or '<name>'}",
                *here, "disk",
            )  # fmt: skip
        if area.kind == "zram" and area.disk is not None:
            self.fault("zram lies in memory, not on a disk", "leave `disk` out", *here, "disk")
        if area.kind not in NETWORK and area.link is not None:
            self.fault(f"a {area.kind} swap area uses no link", "leave `link` out", *here, "link")
        if not 1.0 <= area.compression_ratio <= 1000.0:
            what = f"a compression ratio of {area.compression_ratio:g}"
            self.fault(what, "page size over stored size, at least 1", *here, "compression_ratio")
        disk = self.machine.disks.get(area.disk or "")
        if disk is not None and area.size > disk.size:
            held = units.show(disk.size, "bytes")
            self.fault(f"the swap area is larger than its disk `{area.disk}` ({held})", "make it fit", *here, "size")

    def known(self, name: str | None, names: dict, kind: str, *path: str | int) -> None:
        if name is not None and name not in names:
            self.fault(f"the machine has no {kind} `{name}`", suggest(name, names), *path)

    def devices(self) -> None:
        for index, name in enumerate(self.machine.use):
            if name not in self.machine.devices:
                self.fault(f"the machine has no device `{name}`", suggest(name, self.machine.devices), "use", index)
            else:
                self.fault(f"device `{name}`: DMA devices are not modelled yet", "leave it out of `use`", "use", index)
        for name, device in self.machine.devices.items():
            if not 8 <= device.dma_mask_bits <= 64:
                self.fault(f"a DMA mask of {device.dma_mask_bits} bits", "8 to 64", "devices", name, "dma_mask_bits")
