"""What is told of devices at work."""

from typing import Any

from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.drivers.place import driven, rate_of
from mmrun.model.dma.drivers.settings import PACKET_STREAMS
from mmrun.model.dma.drivers.state import dma_driver_count, dma_queues
from mmrun.model.dma.iommu.state import iommu_count, iommu_settings
from mmrun.model.dma.iova.state import iova_count
from mmrun.model.dma.swiotlb.state import swiotlb_count
from mmrun.model.machine.built import Built
from mmrun.model.units import PAGE, S


def _carried(built: Built) -> float:
    """Bytes a second that the links of all cards with queues carry, in the directions that the queues use."""
    rates = dict[tuple[str, str], int]()
    for _, kind, params in driven(built.plan):
        if kind == "packets" and isinstance(built.cell.machine.devices[params.device], Nic):
            for way in ("send", "receive") if params.way == "both" else (params.way,):
                rates[params.device, way] = rate_of(built.cell.machine, kind, params)
    return float(sum(rates.values()))


def _causes(m: Any, mapping: float) -> dict[str, float]:
    """What a packet's `mapping` (ns) went into, by the shares of the whole run, filling the rings included."""
    count, bounce, unit, iova = dma_driver_count(m), swiotlb_count(m), iommu_count(m), iova_count(m)
    whole = int(count.dma_queue_map_ns + count.dma_queue_unmap_ns + count.dma_queue_sync_ns)
    if whole == 0:
        return {"dma_packet_map_ns": mapping}
    shadow = int(unit.shadow_copied_bytes) * int(iommu_settings(m).shadow_copy_page) // PAGE
    parts = {
        "dma_packet_address_ns": int(iova.iova_lock_ns),
        "dma_packet_invalidate_ns": int(unit.iommu_invalidate_ns),
        "dma_packet_wait_ns": int(iova.iova_lock_wait_ns + unit.iommu_wait_ns + bounce.swiotlb_lock_ns),
        "dma_packet_copy_ns": int(bounce.swiotlb_copy_ns) + shadow,
    }
    parts["dma_packet_table_ns"] = max(0, whole - sum(parts.values()))
    return {"dma_packet_map_ns": mapping} | {name: part / whole * mapping for name, part in parts.items()}


def metrics(built: Built) -> dict[str, int | float]:
    """Rates of packets once the rings of all queues have gone round, their cost, deadlines."""
    m, found = built.memory.m, dict[str, int | float]()
    count = dma_driver_count(m)
    rows = [dma_queues(m)[t] for t, kind, _ in driven(built.plan) if kind in PACKET_STREAMS]
    took = [(int(q.ended) or int(m.now)) - int(q.began) for q in rows]
    ran = [(q, ns) for q, ns in zip(rows, took, strict=True) if q.packets and ns > 0]
    if ran and not any(q.opened and q.lap > 0 for q in rows):
        found["dma_mbit_s"] = sum(int(q.packets) * int(q.payload) * 8 * S / ns for q, ns in ran) / 1e6
        if carried := _carried(built):
            found["dma_line_share"] = sum(int(q.packets) * int(q.framed) * S / ns for q, ns in ran) / carried
        packets = sum(int(q.packets) for q, _ in ran)
        found["dma_packet_ns"] = sum(int(q.busy) for q, _ in ran) / packets
        found["dma_packet_work_ns"] = sum(int(q.packets) * int(q.work) for q, _ in ran) / packets
        found |= _causes(m, found["dma_packet_ns"] - found["dma_packet_work_ns"])
        found["dma_packet_iotlb_misses"] = int(iommu_count(m).iotlb_misses) / max(1, int(count.dma_packets))
    if count.dma_deadlines:
        found["dma_deadline_miss_ratio"] = float(count.dma_deadline_missed / count.dma_deadlines)
    return found
