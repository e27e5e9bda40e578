"""Disks, links and swap areas of a machine record."""

from model.description import SwapTarget
from model.layout import NONE
from model.machine import Built, Servers
from model.units import PAGE

_KINDS = ("partition", "zram", "nbd", "nfs", "iscsi")
CLUSTER = {True: 512, False: 256}  # slots of a swap cluster, by whether LRU lists span a node
PROTOCOL_NS = {"nbd": 10_000, "iscsi": 30_000, "nfs": 100_000}  # SwapTarget.protocol


def place_devices(built: Built, servers: Servers) -> None:
    """Fill the rows of disks, links and swap areas; times in ns, times per page in ps."""
    machine, m = built.cell.machine, built.memory.m
    for d, disk in enumerate(machine.disks.values()):
        row = m.disks[d]
        row.first_server, row.parallel, row.channel = servers.take(disk.parallel), disk.parallel, servers.take()
        row.read_ns, row.write_ns = disk.read_latency, disk.write_latency
        row.read_page_ps = PAGE * 10**12 // disk.read_bandwidth
        row.write_page_ps = PAGE * 10**12 // disk.write_bandwidth
    links = list(machine.links)
    for n, link in enumerate(machine.links.values()):
        row = m.links[n]
        row.server_out, row.server_in, row.rtt = servers.take(), servers.take(), link.rtt
        payload, frame = link.mtu - 52, link.mtu + 38  # TCP/IP headers with timestamps; Ethernet framing and gap
        row.page_ps = PAGE * 10**12 * frame // (link.bandwidth * payload)
    first = 0
    for n, target in enumerate(machine.swap.values()):
        row = m.swaps[n]
        row.first, row.nslots = first, target.size // PAGE
        row.kind, row.priority = _KINDS.index(target.kind), target.priority
        row.cluster_next = row.cluster_end = first
        row.cluster = min(CLUSTER[not m.cfg.zone_lruvecs], max(1, int(row.nslots)))
        row.disk = built.disks.index(target.disk) if target.disk else NONE
        row.link = links.index(target.link) if target.link else NONE
        row.stored_bytes = max(1, min(PAGE, int(PAGE / target.compression_ratio)))
        row.pool, row.pool_node = NONE, 0
        row.out_ns, row.in_ns = _swap_costs(target)
        first += int(row.nslots)
    m.cfg.nr_swaps, m.cfg.total_swap, m.cfg.nr_disks = len(machine.swap), first, len(machine.disks)


def _swap_costs(target: SwapTarget) -> tuple[int, int]:
    """Software time per page out and in: compression for zram, the protocol for network targets."""
    if target.kind == "zram":
        return target.compress, target.decompress
    protocol = target.protocol if target.protocol is not None else PROTOCOL_NS.get(target.kind, 0)
    return protocol, protocol
