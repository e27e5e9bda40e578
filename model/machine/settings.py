"""The hardware: what can be read."""

from mmrun.model.core.mechanism import counters

NODE_COUNTERS = counters("""
numa_hit | higher | pages allocated on the node that wanted them there
numa_miss | lower | pages allocated here although another node was preferred
numa_foreign | lower | pages wanted here but allocated elsewhere
interleave_hit | none | interleaved pages that landed on the intended node
local_node | higher | pages allocated here by a CPU of this node
other_node | lower | pages allocated here by a CPU of another node
pgscan | lower | inactive pages of the node scanned
pgsteal | none | pages of the node reclaimed
nr_slab_pages | none | slab pages on the node when the run ends
slab_scanned_for | none | slab objects scanned because the node was short of pages | objects
slab_pages_freed_here | none | slab pages of the node given back by shrinkers
kswapd_wake | none | times the node's kswapd was woken | events
kswapd_ns | lower | CPU time of the node's kswapd | ns
kswapd_asleep_ns | none | time the node's kswapd slept over writeback | ns
""")
