"""Devices as workloads: who maps memory for a device, what the device then moves, and by when.

- *Packets* (`queue.py`, `ring.py`): a driver's queue on its core. Each packet costs the driver its own work and what
  mapping its buffers takes; the device moves it at the rate of its link, later where its addresses have to be looked
  up. Network cards, and old cards with small transfers.
- *Pictures* (`pictures.py`): buffers that stay mapped, which a camera fills and a codec reads and fills, each by a
  deadline.
- *Objects* (`objects.py`): pages of a program pinned and mapped for a graphics processor as long as its aperture has
  room and memory is not short.

What has its place in it: drivers/net/ethernet/*/*: *_clean_rx_irq, *_alloc_rx_buffers, *_xmit_frame_ring;
drivers/media/common/videobuf2/videobuf2-dma-contig.c: vb2_dc_alloc; drivers/gpu/drm/i915/gem/i915_gem_shmem.c:
shmem_get_pages.
"""
