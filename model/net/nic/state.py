"""Network cards: their rings, and what waits in them."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.net.nic.settings import NIC_COUNTERS

E1000E, IXGBE, VIRTIO, POOLED = 0, 1, 2, 3  # NIC.driver
# A card, one queue. Receive ring: `ring` slots from row `rx_first` on; from slot `clean` on `filled` hold frames, the
# next `posted` have buffers, the rest, from `use` on, have none yet. Transmit ring: rows from `tx_first` on, `tx_n` of
# them in use from `tx_head` on, which take `tx_descs` descriptors; `qdisc`: buffers that wait for one. `gro`: packets
# that may grow, `frag`: what it cuts buffers from (PAGE_FRAG row), `pool`: its pages (PAGE_POOL row). In ns:
# `moderation` between two interrupts, the next not before `may_interrupt`; a ring without buffers is filled at `retry`,
# `rx_retry` later. `dma`: the device + 1 for which buffers are mapped, 0: nobody need map any; `block`: mapping of the
# block that virtio cuts buffers from; `rx_engine`, `tx_engine`: until when it waits for translations.
NIC = row(
    link="i8", driver="i8", ring="i8", tx_ring="i8", copybreak="i8", moderation="i8", buffer="i8", actor="i8",
    rx_first="i8", clean="i8", filled="i8", posted="i8", use="i8", tx_first="i8", tx_head="i8", tx_n="i8",
    tx_descs="i8", qdisc=LIST, gro=LIST, frag="i8", pool="i8", may_interrupt="i8", retry="i8", rx_retry="i8",
    rx_packets="i8", rx_bytes="i8", tx_packets="i8", tx_bytes="i8", rx_missed="i8", alloc_rx_buff_failed="i8",
    tx_dropped="i8", time_squeeze="i8", polls="i8", interrupts="i8", dma="i8", block="i8", rx_engine="i8",
    tx_engine="i8",
)  # fmt: skip
# A receive buffer: a buffer with a head that the card fills, or a place in a block of frames whose reference the ring
# has; `segment`: the frame in it; NONE: none, or the rest of the one before; `map`: its mapping (row in
# `dma_maps` + 1, 0: none).
RX = row(skb="i4", frame="i4", offset="i4", bytes="i4", segment="i4", map="i4")
# A buffer on its way out: who is charged for it, by how much, the descriptors it takes, when its last bit has left,
# its mappings (row + 1).
TX = row(skb="i4", sock="i4", truesize="i8", descs="i8", at="i8", maps="i8")

nics = table(270, "nics", NIC)
nic_rx = table(271, "nic_rx", RX)
nic_tx = table(272, "nic_tx", TX)
nic_settings = one(273, "nic_settings", row(  # costs in ns; `budget_ns`: of a softirq
    nic_rx_frame="i8", nic_gro="i8", nic_tx="i8", nic_tx_clean="i8", nic_interrupt="i8", budget_jiffies="i8",
    budget_ns="i8", virtio_maps_blocks="i8",
))  # fmt: skip
nic_count = counts(274, "nic_count", *NIC_COUNTERS)
