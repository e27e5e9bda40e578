"""Reclaim's tracepoints (include/trace/events/vmscan.h, oom.h, writeback.h).

Formats of 3.6, 4.4, 4.9, 5.19, 6.1, 6.12 and 6.18 were read; which fields came when is kept by lttng-modules.
"""

from mmrun.model.core.timeline import Step, always, gone, since
from mmrun.model.core.tracepoint import Tracepoint, kind, tracepoint
from mmrun.model.machine.numa import ZONE_NAMES

H = "include/trace/events/vmscan.h"
BY_NODE = "mm, vmscan: add classzone information to tracepoints, 4.8"
SKIPPED = "mm, vmscan: show the number of skipped pages in mm_vmscan_lru_isolate, 4.11"
BY_LRU = "mm, vmscan: enhance mm_vmscan_lru_shrink_inactive tracepoint, 4.11"
DROPPED = "3481c37ffa1d mm/vmscan: drop may_writepage and classzone_idx from direct reclaim begin template, 5.2"
NO_ZONE = "3b775998eca7 include/trace/events/vmscan.h: drop zone id from kswapd tracepoints"
NODE = "mm/vmscan: add tracepoints for node reclaim"
HEX = "mm, tracing: Unify PFN format strings, of June 2021"


class Lru(str):
    """A list's name; `file`: as it was told before names were."""

    @property
    def file(self) -> int:
        """1: of page cache."""
        return int(self.endswith("file"))


kind("lru", [Lru(name) for name in ("inactive_anon", "active_anon", "inactive_file", "active_file")])
kind("wb", ("RECLAIM_WB_ANON|RECLAIM_WB_ASYNC", "RECLAIM_WB_FILE|RECLAIM_WB_ASYNC"))
kind("throttle", [f"VMSCAN_THROTTLE_{reason}" for reason in ("WRITEBACK", "CONGESTED", "NOPROGRESS", "ISOLATED")])
kind("zone", [f"{name:<8}" for name in ZONE_NAMES])


def begin(number: int, name: str) -> Tracepoint:
    """An event of the class mm_vmscan_direct_reclaim_begin_template."""
    return tracepoint(
        number, "vmscan", name, "order may_writepage gfp:gfp classzone",
        always("order={order} may_writepage={may_writepage} gfp_flags={gfp}", f"{H}, 3.1"),
        since("4.8", "order={order} may_writepage={may_writepage} gfp_flags={gfp} classzone_idx={classzone}", BY_NODE),
        since("5.2", "order={order} gfp_flags={gfp}", DROPPED),
    )  # fmt: skip


def end(number: int, name: str) -> Tracepoint:
    """An event of the class mm_vmscan_direct_reclaim_end_template."""
    return tracepoint(
        number, "vmscan", name, "nr_reclaimed", always("nr_reclaimed={nr_reclaimed}", f"{H}, 3.1"),
        opened_by=name.replace("_end", "_begin"),
    )  # fmt: skip


ISOLATED = "classzone={classzone} order={order} nr_requested={requested} nr_scanned={scanned} "
LISTED = ISOLATED + "nr_skipped={skipped} nr_taken={taken} lru={lru}"
LUMPY = "order={order} nr_requested={requested} nr_scanned={scanned} nr_taken={taken} contig_taken=0 contig_dirty=0 "
SHRUNK = (
    "nid={nid} nr_scanned={scanned} nr_reclaimed={reclaimed} nr_dirty={dirty} nr_writeback={writeback} "
    "nr_congested={congested} nr_immediate={immediate} "
)
TAIL = " nr_ref_keep={ref_keep} nr_unmap_fail=0 priority={priority} flags={file}"  # unmapping never fails here
LISTED_STEP = since("6.7", LISTED, "mm: multi-gen LRU: reuse some legacy trace events, 6.7")
SHRUNK_IN_TWO = SHRUNK + "nr_activate_anon={activate_anon} nr_activate_file={activate_file}" + TAIL


def isolation() -> tuple[Step, ...]:
    """How mm_vmscan_lru_isolate reads."""
    return (
        always("isolate_mode={active} " + LUMPY + "contig_failed=0", f"{H}, 3.1, without lumpy reclaim"),
        since("3.2", "isolate_mode={mode} " + LUMPY + "contig_failed=0",
              "mm: change isolate mode from #define to bitwise type, 3.2"),
        since("3.3", "isolate_mode={mode} " + LUMPY + "contig_failed=0 file={lru.file}",
              "vmscan/trace: Add 'file' info to trace_mm_vmscan_lru_isolate(), 3.3"),
        since("3.5", "isolate_mode=0 order={order} nr_requested={requested} nr_scanned={scanned} nr_taken={taken} "
              "file={lru.file}", "mm: vmscan: remove lumpy reclaim, 3.5"),
        since("4.8", "isolate_mode=0 " + ISOLATED + "nr_taken={taken} file={lru.file}", BY_NODE),
        since("4.11", "isolate_mode=0 " + LISTED, SKIPPED),
        LISTED_STEP,
    )  # fmt: skip


mm_vmscan_kswapd_sleep = tracepoint(
    10, "vmscan", "mm_vmscan_kswapd_sleep", "nid",
    always("nid={nid}", H), opened_by="mm_vmscan_kswapd_wake",
)  # fmt: skip
mm_vmscan_kswapd_wake = tracepoint(
    11, "vmscan", "mm_vmscan_kswapd_wake", "nid zid order",
    always("nid={nid} order={order}", f"{H}, 3.6"),
    since("4.8", "nid={nid} zid={zid} order={order}", BY_NODE),
    since("5.2", "nid={nid} order={order}", NO_ZONE, "5.1 or 5.2"),
)  # fmt: skip
mm_vmscan_direct_reclaim_begin = begin(12, "mm_vmscan_direct_reclaim_begin")
mm_vmscan_direct_reclaim_end = end(13, "mm_vmscan_direct_reclaim_end")
mm_vmscan_memcg_reclaim_begin = begin(14, "mm_vmscan_memcg_reclaim_begin")
mm_vmscan_memcg_reclaim_end = end(15, "mm_vmscan_memcg_reclaim_end")
mm_vmscan_memcg_softlimit_reclaim_begin = begin(107, "mm_vmscan_memcg_softlimit_reclaim_begin")
mm_vmscan_memcg_softlimit_reclaim_end = end(108, "mm_vmscan_memcg_softlimit_reclaim_end")
mm_vmscan_node_reclaim_begin = tracepoint(
    109, "vmscan", "mm_vmscan_node_reclaim_begin", "nid order gfp:gfp",
    since("5.2", "nid={nid} order={order} gfp_flags={gfp}", NODE, "5.1 to 5.3"),
)  # fmt: skip
mm_vmscan_node_reclaim_end = tracepoint(
    110, "vmscan", "mm_vmscan_node_reclaim_end", "nr_reclaimed",
    since("5.2", "nr_reclaimed={nr_reclaimed}", NODE, "5.1 to 5.3"), opened_by="mm_vmscan_node_reclaim_begin",
)  # fmt: skip
mm_vmscan_lru_isolate = tracepoint(
    16, "vmscan", "mm_vmscan_lru_isolate", "classzone order requested scanned skipped taken lru:lru active mode",
    *isolation(),
)  # fmt: skip
mm_vmscan_lru_shrink_inactive = tracepoint(
    17, "vmscan", "mm_vmscan_lru_shrink_inactive",
    "nid zid scanned reclaimed dirty writeback congested immediate activate_anon activate_file activate ref_keep "
    "priority file:wb",
    always("nid={nid} zid={zid} nr_scanned={scanned} nr_reclaimed={reclaimed} priority={priority} flags={file}",
           f"{H}, 3.1"),
    since("4.8", "nid={nid} nr_scanned={scanned} nr_reclaimed={reclaimed} priority={priority} flags={file}",
          "mm, vmscan: move LRU lists to node, 4.8"),
    since("4.11", SHRUNK + "nr_activate={activate}" + TAIL, BY_LRU),
    since("5.2", SHRUNK_IN_TWO, "mm: move recent_rotated pages calculation to shrink_inactive_list(), 5.2"),
)  # fmt: skip
mm_vmscan_lru_shrink_active = tracepoint(
    18, "vmscan", "mm_vmscan_lru_shrink_active", "nid taken active deactivated referenced priority file:wb",
    since("4.11", "nid={nid} nr_taken={taken} nr_active={active} nr_deactivated={deactivated} "
          "nr_referenced={referenced} priority={priority} flags={file}",
          "mm, vmscan: add active list aging tracepoint, 4.11"),
)  # fmt: skip
mm_vmscan_write_folio = tracepoint(
    19, "vmscan", "mm_vmscan_write_folio", "pfn file:wb",
    always(("mm_vmscan_writepage", "page={page} pfn={pfn} flags={file}"), f"{H}, 3.1"),
    since("5.14", ("mm_vmscan_writepage", "page={page} pfn=0x{pfn:x} flags={file}"), HEX, "5.13 to 5.15"),
    since("5.18", "page={page} pfn=0x{pfn:x} flags={file}", "mm/vmscan: Convert pageout() to take a folio, 5.18"),
    also="mm_vmscan_writepage",
)  # fmt: skip
mm_vmscan_throttled = tracepoint(
    20, "vmscan", "mm_vmscan_throttled", "nid timeout delayed reason:throttle",
    since("5.16", "nid={nid} usec_timeout={timeout} usect_delayed={delayed} reason={reason}",
          "mm/vmscan: throttle reclaim until some writeback completes if congested"),
)  # fmt: skip
writeback_congestion_wait = tracepoint(
    21, "writeback", "writeback_congestion_wait", "timeout delayed",
    since("2.6.37", "usec_timeout={timeout} usec_delayed={delayed}", "include/trace/events/writeback.h, 3.1"),
    gone("5.18", "nothing sleeps there any more"),
)  # fmt: skip
reclaim_retry_zone = tracepoint(
    111, "oom", "reclaim_retry_zone", "node zone:zone order reclaimable available min_wmark no_progress ok",
    since("4.11", "node={node} zone={zone} order={order} reclaimable={reclaimable} available={available} "
          "min_wmark={min_wmark} no_progress_loops={no_progress} wmark_check={ok}",
          "oom, trace: add oom detection tracepoints", "4.10 or 4.11"),
)  # fmt: skip
