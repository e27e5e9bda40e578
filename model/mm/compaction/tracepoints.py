"""Compaction's tracepoints (include/trace/events/compaction.h); read in 3.6, 4.4, 4.9, 5.19, 6.1, 6.12 and 6.18."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import kind, tracepoint

FIRST = "mm: compaction: trace compaction begin and end"
SECOND = "mm/compaction: enhance tracepoint output for compaction begin/end"
UNSURE = "between 3.7 and 4.4"
ZONE = "zone_start=0x{start:x} migrate_pfn=0x{migrate:x} free_pfn=0x{free:x} zone_end=0x{end:x}, mode={mode}"
OLD = "zone_start={start} migrate_start={migrate} free_start={free} zone_end={end}"

kind("sync", ("async", "sync"))
kind("compact", ("not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue", "complete",
                 "partial_skipped", "contended", "success"))  # fmt: skip

mm_compaction_begin = tracepoint(
    30, "compaction", "mm_compaction_begin", "start migrate free end mode:sync",
    since("3.14", OLD, FIRST, UNSURE),
    since("4.0", ZONE, SECOND, UNSURE),
)  # fmt: skip
mm_compaction_end = tracepoint(
    31, "compaction", "mm_compaction_end", "start migrate free end mode:sync status:compact",
    since("4.0", ZONE + " status={status}", SECOND, UNSURE), opened_by="mm_compaction_begin",
)  # fmt: skip
mm_compaction_migratepages = tracepoint(
    32, "compaction", "mm_compaction_migratepages", "migrated failed",
    since("2.6.38", "nr_migrated={migrated} nr_failed={failed}", "mm: compaction: add trace events for memory "
          "compaction activity", "2.6.38 or before"),
)  # fmt: skip
