"""Network cards of a machine record: one for every link that connections lead over."""

from mmrun.model.core.actor import kinds
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.core.timeline import before
from mmrun.model.dma.device.place import number_of
from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.mapping.place import needs_mapping
from mmrun.model.machine.built import Built, Plan
from mmrun.model.net.link.place import links_in_use
from mmrun.model.net.link.state import wires
from mmrun.model.net.nic.poll import napi
from mmrun.model.net.nic.state import E1000E, IXGBE, POOLED, VIRTIO, nic_settings, nics
from mmrun.model.net.skb.state import page_pools
from mmrun.model.units import GBIT_S, MS, PAGE, US, S

DRIVERS = {"e1000e": E1000E, "ixgbe": IXGBE, "virtio-net": VIRTIO, "page-pool": POOLED}
RINGS = {E1000E: 256, IXGBE: 512, VIRTIO: 256, POOLED: 1024}
COPYBREAK = {E1000E: 256, IXGBE: 256, VIRTIO: 128, POOLED: 256}
MODERATION = {E1000E: 50 * US, IXGBE: 50 * US, VIRTIO: 0, POOLED: 50 * US}
ETHERNET = 22  # bytes of Ethernet header with VLAN tag, and checksum
VIRTIO_BUFFER = 1536  # of a usual frame with virtio's header, in whole cache lines (get_mergeable_buf_len)
RETRY = {E1000E: 2 * S, IXGBE: 2 * S, VIRTIO: 500 * MS, POOLED: 2 * S}  # their watchdogs; refill_work, HZ/2


def driver_of(card: Nic, bandwidth: int, kernel: str) -> int:
    """The driver of a card, or the usual one of a link of that rate."""
    if card.driver is not None:
        return DRIVERS[card.driver]
    if bandwidth <= GBIT_S:
        return E1000E
    return IXGBE if bandwidth <= 10 * GBIT_S or before(kernel.partition("+")[0], "4.18") else POOLED


def cards(plan: Plan) -> list[tuple[str, Nic]]:
    """The link and the card of every link in use, in order; one that is not described is the usual one."""
    machine = plan.cell.machine
    used = [machine.devices[name] for name in machine.use]
    described = {card.link: card for card in used if isinstance(card, Nic)}
    return [(link, described.get(link, Nic(link=link))) for link in links_in_use(plan)]


def _sizes(plan: Plan, link: str, card: Nic) -> tuple[int, int, int]:
    """(driver, descriptors of the receive ring, of the transmit ring)."""
    driver = driver_of(card, plan.cell.machine.links[link].bandwidth, plan.cell.kernel)
    ring = card.ring or RINGS[driver]
    return driver, ring, card.tx_ring or max(ring, 64)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    sizes = [_sizes(plan, link, card) for link, card in cards(plan)]
    return {
        "nics": len(sizes), "nic_rx": sum(ring for _, ring, _ in sizes), "nic_tx": sum(ring for _, _, ring in sizes),
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """A poll for each card."""
    return {"napi": count} if (count := len(links_in_use(plan))) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Polls, where there are cards."""
    return (napi,) if links_in_use(plan) else ()


def buffer_of(driver: int, mtu: int) -> int:
    """Bytes of a receive buffer."""
    if driver == E1000E:
        return mtu + ETHERNET if mtu <= 1500 else PAGE
    return {IXGBE: PAGE // 2, VIRTIO: VIRTIO_BUFFER, POOLED: PAGE}[driver]


def place(built: Built) -> None:
    """Fill the rows of cards; rings are filled when polls begin."""
    m, plan, machine = built.memory.m, built.plan, built.cell.machine
    first_rx = first_tx = 0
    table = built.memory.table("nic_rx")
    table["skb"] = table["frame"] = table["segment"] = NONE
    built.memory.table("nic_tx")["skb"] = NONE
    for n, (name, card) in enumerate(cards(plan)):
        nic, link = nics(m)[n], machine.links[name]
        nic.link, nic.actor = list(machine.links).index(name), -1
        wires(m)[nic.link].nic = n
        nic.driver, nic.ring, nic.tx_ring = _sizes(plan, name, card)
        driver = int(nic.driver)
        nic.copybreak = COPYBREAK[driver] if card.copybreak is None else card.copybreak
        nic.moderation = MODERATION[driver] if card.moderation is None else card.moderation
        nic.buffer = buffer_of(driver, link.mtu)
        nic.rx_first, nic.tx_first = first_rx, first_tx
        first_rx, first_tx = first_rx + int(nic.ring), first_tx + int(nic.tx_ring)
        for lst in (nic.qdisc, nic.gro):
            lst.head = lst.tail = NONE
        nic.frag, nic.pool = 2 * plan.cpus + sum(plan.actors.values()) + n, n
        nic.rx_retry = RETRY[driver]
        described = [key for key in machine.use if machine.devices[key] is card]
        if described and needs_mapping(built, number_of(machine, described[0])):
            nic.dma = page_pools(m)[n].dma = number_of(machine, described[0]) + 1
    if nic_settings(m).budget_jiffies:
        nic_settings(m).budget_ns = 2 * S // machine.hz
    else:
        nic_settings(m).budget_ns = 2 * MS


def start(built: Built) -> None:
    """Each poll is on the CPU that its card interrupts."""
    if "napi" not in built.plan.actors:
        return
    m, rows = built.memory.m, built.memory.table("actors")
    polls = (rows["kind"] == kinds(built.plan.actors).index("napi")).nonzero()[0]
    for n, (_, card) in enumerate(cards(built.plan)):
        rows[polls[n]]["cpu"] = min(card.cpu, built.plan.cpus - 1)
        nics(m)[n].actor = page_pools(m)[n].actor = polls[n]
