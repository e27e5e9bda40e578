"""What eviction from generations tells, under names of the two-list LRU (include/trace/events/vmscan.h)."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint
from mmrun.model.mm.reclaim.tracepoints import LISTED, SHRUNK_IN_TWO

REUSED = "mm: multi-gen LRU: reuse some legacy trace events, 6.7"

lru_gen_isolate = tracepoint(
    105, "vmscan", "lru_gen_isolate", "classzone requested scanned skipped taken lru:lru",
    since("6.7", ("mm_vmscan_lru_isolate", LISTED.replace("{order}", "0")), REUSED),
)  # fmt: skip
lru_gen_shrink = tracepoint(
    106, "vmscan", "lru_gen_shrink",
    "nid scanned reclaimed dirty writeback congested immediate activate_anon activate_file ref_keep priority file:wb",
    since("6.7", ("mm_vmscan_lru_shrink_inactive", SHRUNK_IN_TWO), REUSED),
)  # fmt: skip
