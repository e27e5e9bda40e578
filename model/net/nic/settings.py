"""What can be varied and read: hooks, counters, costs."""

from mmrun.model.core.mechanism import CORE, Subject, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HOOKS = {
    **hooks(
        CORE,
        83,
        ("netif_receive_skb", "skb", "0, after the buffer has gone up the stack"),
        ("sock_wfree", "sock truesize", "0, after a buffer of that size has left the card"),
        optional=True,
    ),
    **hooks(CORE, 86, ("napi", "card", "polls a network card, for ever"), optional=True),
}

NIC_COUNTERS = counters("""
rx_packets | none | frames that network cards have handed up | frames
rx_bytes | none | payload of those | bytes
tx_packets | none | frames that network cards have sent | frames
tx_bytes | none | payload of those | bytes
rx_missed | lower | frames that found no buffer posted in a receive ring | frames
alloc_rx_buff_failed | lower | receive buffers that there was no memory for | buffers
rx_skb_failed | lower | received frames dropped as there was no memory for a buffer's head | frames
tx_dropped | lower | buffers that a card's queue had no room for, or that could not be mapped for it | buffers
rx_dma_failed | lower | receive buffers that could not be mapped for the card | buffers
tx_dma_failed | lower | buffers to send that could not be mapped for the card | buffers
time_squeeze | lower | softirqs that ended with work left, at their budget or time | events
nic_interrupts | none | interrupts of network cards | events
gro_merged | none | received frames that joined the packet before them | frames
""")
COUNTERS = NIC_COUNTERS  # of the machine
GAUGES = counters("""
rx_ring_pages | none | pages of the blocks posted in receive rings and kept in their pools when the run ends
rx_ring_posted | none | buffers posted in receive rings when the run ends | buffers
""")
TOLD = (Told("machine", GAUGES, sampled=True),)


@record
class Costs(Record):
    """CPU time of its steps."""

    nic_rx_frame: Nanoseconds = 210
    """Receiving a frame into a buffer up to the stack: 4.75 M frames/s dropped right there (mlx5, 64 bytes, pktgen)."""
    nic_gro: Nanoseconds = 40
    """Finding the flow of a received frame and joining it to the packet before (estimate)."""
    nic_tx: Nanoseconds = 300
    """Queueing a buffer to a card: qdisc, driver, doorbell (estimate)."""
    nic_tx_clean: Nanoseconds = 60
    """Taking one back that has left (estimate)."""
    nic_interrupt: Nanoseconds = 1_500
    """An interrupt with its softirq, before the first frame (estimate)."""


SUBJECTS = (
    Subject(
        "nic",
        "Network cards with rings of posted buffers, NAPI polls, GRO, interrupt moderation: `machine.devices` of kind "
        "`nic`, in `use`. Every link with connections has one; what is not described is the usual one of its rate.",
        ("machine.devices", "machine.use", "rx_missed", "alloc_rx_buff_failed"),
        ("napi", "ring", "gro", "e1000e", "ixgbe", "virtio-net", "page_pool", "softnet", "ethtool"),
    ),
)
