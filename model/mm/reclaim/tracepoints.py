"""Reclaim's tracepoints (include/trace/events/vmscan.h, writeback.h); formats of 3.1 and 6.18 were read."""

from mmrun.model.core.timeline import always, gone, since
from mmrun.model.core.tracepoint import kind, tracepoint

H, UNSURE = "include/trace/events/vmscan.h", "between 3.2 and 6.17"

kind("lru", ("inactive_anon", "active_anon", "inactive_file", "active_file"))
kind("wb", ("RECLAIM_WB_ANON|RECLAIM_WB_ASYNC", "RECLAIM_WB_FILE|RECLAIM_WB_ASYNC"))
kind("throttle", [f"VMSCAN_THROTTLE_{reason}" for reason in ("WRITEBACK", "CONGESTED", "NOPROGRESS", "ISOLATED")])

mm_vmscan_kswapd_sleep = tracepoint(
    10, "vmscan", "mm_vmscan_kswapd_sleep", "nid",
    always("nid={nid}", H),
)  # fmt: skip
mm_vmscan_kswapd_wake = tracepoint(
    11, "vmscan", "mm_vmscan_kswapd_wake", "nid order",
    always("nid={nid} order={order}", H),
)  # fmt: skip
mm_vmscan_direct_reclaim_begin = tracepoint(
    12, "vmscan", "mm_vmscan_direct_reclaim_begin", "order may_writepage gfp:gfp",
    always("order={order} may_writepage={may_writepage} gfp_flags={gfp}", f"{H}, 3.1"),
    since("4.18", "order={order} gfp_flags={gfp}", f"{H}, 6.18", UNSURE),
)  # fmt: skip
mm_vmscan_direct_reclaim_end = tracepoint(
    13, "vmscan", "mm_vmscan_direct_reclaim_end", "nr_reclaimed",
    always("nr_reclaimed={nr_reclaimed}", H),
)  # fmt: skip
mm_vmscan_memcg_reclaim_begin = tracepoint(
    14, "vmscan", "mm_vmscan_memcg_reclaim_begin", "order may_writepage gfp:gfp",
    always("order={order} may_writepage={may_writepage} gfp_flags={gfp}", f"{H}, 3.1"),
    since("4.18", "order={order} gfp_flags={gfp}", f"{H}, 6.18", UNSURE),
)  # fmt: skip
mm_vmscan_memcg_reclaim_end = tracepoint(
    15, "vmscan", "mm_vmscan_memcg_reclaim_end", "nr_reclaimed",
    always("nr_reclaimed={nr_reclaimed}", H),
)  # fmt: skip
mm_vmscan_lru_isolate = tracepoint(
    16, "vmscan", "mm_vmscan_lru_isolate", "classzone order requested scanned skipped taken lru:lru active mode",
    always("isolate_mode={active} order={order} nr_requested={requested} nr_scanned={scanned} nr_taken={taken} "
           "contig_taken=0 contig_dirty=0 contig_failed=0", f"{H}, 3.1, without lumpy reclaim"),
    since("3.2", "isolate_mode={mode} order={order} nr_requested={requested} nr_scanned={scanned} nr_taken={taken} "
          "contig_taken=0 contig_dirty=0 contig_failed=0", "mm: change isolate mode from #define to bitwise type",
          UNSURE),
    since("4.11", "classzone={classzone} order={order} nr_requested={requested} nr_scanned={scanned} "
          "nr_skipped={skipped} nr_taken={taken} lru={lru}", f"{H}, 6.18", UNSURE),
)  # fmt: skip
mm_vmscan_lru_shrink_inactive = tracepoint(
    17, "vmscan", "mm_vmscan_lru_shrink_inactive",
    "nid zid scanned reclaimed dirty writeback congested immediate activate_anon activate_file ref_keep priority "
    "file:wb",
    always("nid={nid} zid={zid} nr_scanned={scanned} nr_reclaimed={reclaimed} priority={priority} flags={file}",
           f"{H}, 3.1"),
    since("4.11", "nid={nid} nr_scanned={scanned} nr_reclaimed={reclaimed} nr_dirty={dirty} nr_writeback={writeback} "
          "nr_congested={congested} nr_immediate={immediate} nr_activate_anon={activate_anon} "
          "nr_activate_file={activate_file} nr_ref_keep={ref_keep} nr_unmap_fail=0 priority={priority} flags={file}",
          f"{H}, 6.18; unmapping never fails here", UNSURE),
)  # fmt: skip
mm_vmscan_lru_shrink_active = tracepoint(
    18, "vmscan", "mm_vmscan_lru_shrink_active", "nid taken active deactivated referenced priority file:wb",
    since("4.11", "nid={nid} nr_taken={taken} nr_active={active} nr_deactivated={deactivated} "
          "nr_referenced={referenced} priority={priority} flags={file}", f"{H}, 6.18", UNSURE),
)  # fmt: skip
mm_vmscan_write_folio = tracepoint(
    19, "vmscan", "mm_vmscan_write_folio", "pfn file:wb",
    always(("mm_vmscan_writepage", "page={page} pfn={pfn} flags={file}"), f"{H}, 3.1"),
    since("5.18", "page={page} pfn=0x{pfn:x} flags={file}", f"{H}, 6.18", UNSURE),
    also="mm_vmscan_writepage",
)  # fmt: skip
mm_vmscan_throttled = tracepoint(
    20, "vmscan", "mm_vmscan_throttled", "nid timeout delayed reason:throttle",
    since("5.16", "nid={nid} usec_timeout={timeout} usect_delayed={delayed} reason={reason}",
          "mm/vmscan: throttle reclaim until some writeback completes if congested"),
)  # fmt: skip
writeback_congestion_wait = tracepoint(
    21, "writeback", "writeback_congestion_wait", "timeout delayed",
    always("usec_timeout={timeout} usec_delayed={delayed}", "include/trace/events/writeback.h, 3.1"),
    gone("5.18", "nothing sleeps there any more"),
)  # fmt: skip
