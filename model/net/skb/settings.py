"""What can be read: counters, costs, gauges."""

from mmrun.model.core.mechanism import Told, counters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

SKB_COUNTERS = counters("""
skb_allocs | none | socket buffers made | buffers
skb_alloc_failed | lower | socket buffers that there was no memory for | buffers
skb_pfmemalloc | lower | socket buffers made of memory below the watermarks | buffers
net_frag_refills | none | blocks of pages taken to cut payload or heads from | blocks
""")
COUNTERS = SKB_COUNTERS  # of the machine
GAUGES = counters("""
skb_slab_pages | none | pages of slabs of socket buffers and their heads when the run ends
skb_frag_pages | none | pages cut up into heads and payload of socket buffers, or posted to network cards
nr_skbs | none | socket buffers there are when the run ends | buffers
""")
TOLD = (Told("machine", GAUGES, sampled=True),)


@record
class Costs(Record):
    """CPU time of its steps."""

    skb_alloc: Nanoseconds = 60
    """Making a socket buffer: two objects of 19 to 45 ns each in SLUB's paths (Brouer, December 2014)."""
    skb_free: Nanoseconds = 60
    """Freeing one; both together are 100-150 ns (estimate)."""
