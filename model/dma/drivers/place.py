"""Devices at work in a machine record: queues with their rings, buffers that stay mapped, objects."""

from typing import Any

from mmrun.model import workloads
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.description import Machine
from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.device.state import DMA_ERROR
from mmrun.model.dma.drivers.objects import gpu_draw, gpu_release
from mmrun.model.dma.drivers.pictures import dma_attach, dma_deadline, dma_detach, dma_picture
from mmrun.model.dma.drivers.queue import dma_close, dma_packets
from mmrun.model.dma.drivers.settings import OBJECT_STREAMS, PACKET_STREAMS, PICTURE_STREAMS, STREAMS
from mmrun.model.dma.drivers.state import PER_PACKET, POOL, dma_engines, dma_objects, dma_queues
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.driver.place import buffers_of
from mmrun.model.units import GB_S, PAGE, S

WAYS, STYLES = ("send", "receive", "both"), ("per-packet", "per-page", "pool")  # DMA_QUEUE.way, style
HEADER = 128  # bytes of a packet's headers, where they are mapped apart
FRAMING, LEAST = 38, 84  # what Ethernet adds: header, checksum, preamble, gap; bytes of the smallest frame with them
IP = 40  # headers of each frame of a packet that is cut into several
SLOWEST = 1  # ps a byte at least: a device without a link or a rate of its own is as fast as 1 TB/s


def driven(plan: Plan) -> list[tuple[int, str, Any]]:
    """(row, kind of stream, parameters) of each task that makes a device work."""
    own = [(t, task.stream) for t, task in enumerate(plan.tasks.values()) if task.stream.kind in STREAMS]
    made = [(t, stream.kind, workloads.make_params(stream.kind, stream.params)) for t, stream in own]
    return [each for each in made if each[2].device is not None]


def pieces_of(kind: str, params: Any) -> int:
    """Pieces in which a packet of a queue is mapped."""
    return params.pieces if kind == "packets" and params.mapping == "per-packet" else 1


def ring_of(kind: str, params: Any) -> int:
    """Slots of a queue."""
    return params.ring if kind == "packets" else params.outstanding


def object_pages(params: Any) -> int:
    """Pages of an object."""
    return -(-params.object // PAGE)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    made = driven(plan)
    if not made:
        return dict.fromkeys(("dma_queues", "dma_slots", "dma_pieces", "dma_engines", "dma_mapped", "dma_objects",
                              "dma_object_pages"), 0)  # fmt: skip
    queues = [(kind, params) for _, kind, params in made if kind in PACKET_STREAMS]
    gpus = [params for _, kind, params in made if kind in OBJECT_STREAMS]
    return {
        "dma_queues": len(plan.tasks),
        "dma_slots": sum(ring_of(*each) for each in queues),
        "dma_pieces": sum(ring_of(*each) * pieces_of(*each) for each in queues),
        "dma_engines": 2 * len(plan.cell.machine.use),
        "dma_mapped": sum(buffers_of(task.stream) for task in plan.tasks.values()),
        "dma_objects": sum(params.objects for params in gpus),
        "dma_object_pages": sum(params.objects * object_pages(params) for params in gpus),
    }


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What streams may ask for; where no device works they need not be compiled."""
    kinds = {kind for _, kind, _ in driven(plan)}
    found: tuple[Hook, ...] = ()
    if kinds & set(PACKET_STREAMS):
        found += (dma_packets, dma_close)
    if kinds & set(PICTURE_STREAMS):
        found += (dma_attach, dma_detach, dma_picture, dma_deadline)
    return found + ((gpu_draw, gpu_release) if kinds & set(OBJECT_STREAMS) else ())


def rate_of(machine: Machine, kind: str, params: Any) -> int:
    """Bytes a second that a stream's device moves in each direction."""
    device = machine.devices[params.device]
    if kind == "packets" and isinstance(device, Nic) and device.link is not None:
        return machine.links[device.link].bandwidth
    return int(getattr(params, "rate" if kind == "legacy" else "bandwidth", 1000 * GB_S))


def framed(payload: int, mtu: int) -> int:
    """Bytes on the wire for an IP packet, which is cut into frames of at most an MTU each."""
    if payload <= mtu:
        return max(LEAST, payload + FRAMING)
    frames = -(-(payload - IP) // (mtu - IP))
    return payload - IP + frames * (IP + FRAMING)


def _power(size: int) -> int:
    """The least power of two that is not smaller."""
    return 1 << (size - 1).bit_length()


def _layout(q: Any, kind: str, params: Any) -> None:
    """How the buffers of a queue lie in pages."""
    q.pieces, q.payload = pieces_of(kind, params), params.packet if kind == "packets" else params.transfer
    q.style = STYLES.index(params.mapping) if kind == "packets" else PER_PACKET
    if q.style == PER_PACKET:
        q.header = HEADER if q.pieces > 1 else 0
        q.part = -(-(int(q.payload) - int(q.header)) // max(1, int(q.pieces) - 1))
        q.order = _power(-(-int(q.part) // PAGE)).bit_length() - 1
        return
    block = params.chunk if q.style == POOL else PAGE
    q.stride = min(block, _power(max(PAGE // 2, int(q.payload))))
    q.share, q.order = block // int(q.stride), (block // PAGE).bit_length() - 1


def place(built: Built) -> None:
    """Fill the rows of queues and objects; rings get their buffers when queues are opened."""
    m, machine = built.memory.m, built.cell.machine
    made = driven(built.plan)
    if not made:
        return
    pieces, mapped = built.memory.table("dma_pieces"), built.memory.table("dma_mapped")
    pieces["frame"], pieces["address"] = NONE, DMA_ERROR
    mapped["address"], mapped["coherent"] = DMA_ERROR, NONE
    slot = piece = first = pages = 0
    for t, kind, params in made:
        q = dma_queues(m)[t]
        q.dev, q.lines = machine.use.index(params.device), NONE
        for way in range(2):
            dma_engines(m)[2 * q.dev + way].each = max(SLOWEST, 1000 * S // rate_of(machine, kind, params))
        if kind in PACKET_STREAMS:
            _layout(q, kind, params)
            q.way, q.work, q.ring = WAYS.index(params.way), params.work, ring_of(kind, params)
            q.first_slot, q.first_piece = slot, piece
            slot, piece = slot + int(q.ring), piece + int(q.ring) * int(q.pieces)
            q.coalesce = params.coalesce if kind == "packets" else 1
            device, q.framed = machine.devices[params.device], q.payload
            if kind == "packets" and isinstance(device, Nic) and device.link is not None:
                q.framed = framed(params.packet, machine.links[device.link].mtu)
        elif kind in OBJECT_STREAMS:
            q.first_object, q.objects, q.each = first, params.objects, object_pages(params)
            for o in range(params.objects):
                row = dma_objects(m)[first + o]
                row.page, row.first = o * q.each, pages + o * q.each
            first, pages = first + params.objects, pages + params.objects * int(q.each)
