"""What is told of devices at work."""

from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.drivers.place import driven, rate_of
from mmrun.model.dma.drivers.settings import PACKET_STREAMS, RATES
from mmrun.model.dma.drivers.state import dma_driver_count, dma_queues
from mmrun.model.machine.built import Built
from mmrun.model.units import S


def _carried(built: Built) -> float:
    """Bytes a second that the links of all cards with queues carry, in the directions that the queues use."""
    rates = dict[tuple[str, str], int]()
    for _, kind, params in driven(built.plan):
        if kind == "packets" and isinstance(built.cell.machine.devices[params.device], Nic):
            for way in ("send", "receive") if params.way == "both" else (params.way,):
                rates[params.device, way] = rate_of(built.cell.machine, kind, params)
    return float(sum(rates.values()))


def metrics(built: Built) -> dict[str, int | float]:
    """Rates of packets since each queue's ring was filled, their cost, deadlines."""
    m, found = built.memory.m, dict[str, int | float]()
    rows = [dma_queues(m)[t] for t, kind, _ in driven(built.plan) if kind in PACKET_STREAMS]
    took = [(int(q.ended) or int(m.now)) - int(q.began) for q in rows]
    ran = [(q, ns) for q, ns in zip(rows, took, strict=True) if q.packets and ns > 0]
    if ran:
        found["dma_mbit_s"] = sum(int(q.packets) * int(q.payload) * 8 * S / ns for q, ns in ran) / 1e6
        if carried := _carried(built):
            found["dma_line_share"] = sum(int(q.packets) * int(q.framed) * S / ns for q, ns in ran) / carried
        packets, count = sum(int(q.packets) for q, _ in ran), dma_driver_count(m)
        found["dma_packet_ns"] = sum(int(q.busy) for q, _ in ran) / packets
        mapping = count.dma_queue_map_ns + count.dma_queue_unmap_ns + count.dma_queue_sync_ns
        found["dma_packet_map_ns"] = int(mapping) / packets
    if (count := dma_driver_count(m)).dma_deadlines:
        found["dma_deadline_miss_ratio"] = float(count.dma_deadline_missed / count.dma_deadlines)
    return {name: found[name] for name in RATES if name in found}
