"""Network cards and polls: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, number, since

DATED: Dated = (
    number(
        "budget_jiffies", "time of a softirq that receives: two ticks, or 2 ms",
        always(1, "net/core/dev.c: net_rx_action, 3.1"),
        since("4.12", 0, "7acf8a1e8a28 Replace 2 jiffies with sysctl netdev_budget_usecs, 4.12"),
        since("5.7", 1, "a4837980fd9f net: revert default NAPI poll timeout to 2 jiffies, 5.7"),
    ),
    flag("virtio_maps_blocks", "virtio-net maps the block that receive buffers are cut from, not each of them",
         "295525e29a5b virtio_net: merge dma operations when filling mergeable buffers, 6.6", since="6.6"),
)  # fmt: skip
