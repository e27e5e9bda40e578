"""Buffers of rings are the kernel's frames, those that the device has have addresses; bound objects are pinned."""

from collections import Counter

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR
from mmrun.model.dma.drivers.place import driven
from mmrun.model.dma.drivers.settings import OBJECT_STREAMS, PACKET_STREAMS
from mmrun.model.dma.drivers.state import POOL, dma_queues
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE


def dma_mappings(built: Built) -> Counter[int]:
    """Mappings by device: pieces of rings, buffers that stay mapped, bound objects."""
    held, m = Counter[int](), built.memory.m
    for t, kind, _ in driven(built.plan):
        q = dma_queues(m)[t]
        if kind in PACKET_STREAMS:
            rows = built.memory.table("dma_pieces")[q.first_piece : q.first_piece + q.ring * q.pieces]
            held[int(q.dev)] += int((rows["address"] != DMA_ERROR).sum())
        elif kind in OBJECT_STREAMS:
            rows = built.memory.table("dma_objects")[q.first_object : q.first_object + q.objects]
            held[int(q.dev)] += int((rows["entries"] > 0).sum())
    attached = built.memory.table("dma_mapped")
    for row in attached[(attached["address"] != DMA_ERROR) & (attached["coherent"] == NONE)]:
        held[int(row["dev"])] += 1
    return held


def verify(built: Built, seen: np.ndarray) -> None:
    """Rings and objects against frames, pins and counts."""
    for t, kind, _ in driven(built.plan):
        if kind in PACKET_STREAMS:
            _queue(built, t)
        elif kind in OBJECT_STREAMS:
            _objects(built, t)


def _queue(built: Built, t: int) -> None:
    q, frames = dma_queues(built.memory.m)[t], built.memory.table("frames")
    slots = built.memory.table("dma_slots")[q.first_slot : q.first_slot + q.ring]
    rows = built.memory.table("dma_pieces")[q.first_piece : q.first_piece + q.ring * q.pieces]
    held = rows["frame"][rows["frame"] != NONE]
    require(
        ((frames["state"][held] & KERNEL) != 0).all() and (frames["kind"][held] == KERNEL_PAGE).all(),
        lambda: f"a buffer in the ring of task {t} is not the kernel's",
    )
    given = np.zeros(len(slots), dtype=bool)
    given[(q.head + np.arange(q.n)) % len(slots)] = True
    mapped = slots["mapped"] != 0  # but for one that the driver has in hand
    require((given & ~mapped).sum() <= 1, lambda: f"task {t} gave its device buffers that are not mapped")
    require((mapped & ~given).sum() <= 1, lambda: f"mappings in the ring of task {t} were forgotten")
    live = (rows["address"] != DMA_ERROR).reshape(len(slots), -1)
    if not q.share:
        require(
            (live.all(axis=1) >= (given & mapped)).all(), lambda: f"a packet in the ring of task {t} is mapped in part"
        )
        return
    first = np.arange(0, len(slots), int(q.share))
    used = np.logical_or.reduceat(given & mapped, first)
    require((live[first, 0] >= used).all(), lambda: f"a block in the ring of task {t} is used and not mapped")
    if q.style != POOL:
        require(live[first, 0].sum() <= used.sum() + 1, lambda: f"a page in the ring of task {t} stayed mapped")


def _objects(built: Built, t: int) -> None:
    q = dma_queues(built.memory.m)[t]
    rows = built.memory.table("dma_objects")[q.first_object : q.first_object + q.objects]
    bound = rows[rows["entries"] > 0]
    require(len(bound) * q.each == q.bound, lambda: f"bound pages of task {t} are miscounted")
    pinned, at = built.memory.table("pinned"), int(built.memory.table("tasks")["pte_start"][t])
    for row in bound:
        own = pinned[at + row["page"] : at + row["page"] + q.each]
        require((own > 0).all(), lambda: f"an object of task {t} is bound and not pinned")
        listed = built.memory.table("dma_object_pages")["pfn"][row["first"] : row["first"] + q.each]
        require((listed == own - 1).all(), lambda: f"an object of task {t} is bound to other pages than are pinned")
