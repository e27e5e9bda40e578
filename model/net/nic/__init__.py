"""Network cards: rings of receive buffers, NAPI polls that refill them, transmit rings, and the loopback device.

Source: the drivers e1000e, igb, ixgbe, virtio_net; net/core/dev.c, net/core/page_pool.c.
"""
