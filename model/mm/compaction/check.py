"""What compaction holds is held once, and neither scanner leaves its zone."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.compaction.state import compact_controls, zone_compaction
from mmrun.model.mm.page.state import MAX_ORDER, zones


def verify(built: Built, seen: np.ndarray) -> None:
    """Free blocks that are held; where scanners stand."""
    m, frames = built.memory.m, built.memory.table("frames")
    for c in range(len(built.memory.table("compact_controls"))):
        cc, held = compact_controls(m)[c], 0
        for order in range(MAX_ORDER):
            if cc.free[order].n == 0:
                continue
            for pfn in chain(frames, int(cc.free[order].head), int(cc.free[order].n)):
                require(frames["slot"][pfn] == order, lambda pfn=pfn: f"held free block at {pfn} has another order")
                seen[pfn + 1 : pfn + (1 << order)] += 1
                held += 1 << order
        require(held == cc.nr_freepages, lambda c=c, held=held: f"compactor {c} holds {held} free pages, miscounted")
    for z in range(len(built.memory.table("zones"))):
        zone, own = zones(m)[z], zone_compaction(m)[z]
        require(own.isolated >= 0 and own.shift <= 6, lambda z=z: f"compaction of zone {z} miscounts")
        span = range(int(zone.start), int(zone.start + zone.span) + 1024)
        for at in (*own.migrate, own.free):
            require(at == 0 or at in span or at == zone.start - 512, lambda z=z, at=at: f"scanner of zone {z} at {at}")
