"""Migration's tracepoint (include/trace/events/migrate.h); read in 4.4, 5.19, 6.1, 6.12 and 6.18."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import kind, tracepoint
from mmrun.model.mm.migrate.settings import REASONS

WHY = " mode={mode} reason={reason}"
PAGES = "nr_succeeded={succeeded} nr_failed={failed}"
HUGE = PAGES + " nr_thp_succeeded={thp_succeeded} nr_thp_failed={thp_failed} nr_thp_split={thp_split}"

kind("mode", ("MIGRATE_ASYNC", "MIGRATE_SYNC_LIGHT", "MIGRATE_SYNC"))
kind("reason", ["syscall_or_cpuset" if reason == "syscall" else reason for reason in REASONS])

mm_migrate_pages = tracepoint(
    40, "migrate", "mm_migrate_pages", "succeeded failed thp_succeeded thp_failed thp_split mode:mode reason:reason",
    since("3.8", PAGES + WHY, "mm: migrate: Add a tracepoint for migrate_pages", "3.7 to 4.4"),
    since("5.9", HUGE + WHY, "mm/vmstat: add events for THP migration without split", "4.10 to 5.19"),
    since("6.9", HUGE + " nr_split=0" + WHY, "include/trace/events/migrate.h, 6.12", "6.2 to 6.12"),
)  # fmt: skip
