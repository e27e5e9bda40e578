"""Compaction's tracepoints (include/trace/events/compaction.h); the formats of 6.18 were read."""

from mmrun.model.core.timeline import always
from mmrun.model.core.tracepoint import kind, tracepoint

H = "include/trace/events/compaction.h, 6.18"

kind("sync", ("async", "sync"))
kind("compact", ("not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue", "complete",
                 "partial_skipped", "contended", "success"))  # fmt: skip

mm_compaction_begin = tracepoint(
    30, "compaction", "mm_compaction_begin", "start migrate free end mode:sync",
    always("zone_start=0x{start:x} migrate_pfn=0x{migrate:x} free_pfn=0x{free:x} zone_end=0x{end:x}, mode={mode}", H),
)  # fmt: skip
mm_compaction_end = tracepoint(
    31, "compaction", "mm_compaction_end", "start migrate free end mode:sync status:compact",
    always("zone_start=0x{start:x} migrate_pfn=0x{migrate:x} free_pfn=0x{free:x} zone_end=0x{end:x}, mode={mode} "
           "status={status}", H),
)  # fmt: skip
mm_compaction_migratepages = tracepoint(
    32, "compaction", "mm_compaction_migratepages", "migrated failed",
    always("nr_migrated={migrated} nr_failed={failed}", H),
)  # fmt: skip
