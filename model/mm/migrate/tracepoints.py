"""Migration's tracepoint (include/trace/events/migrate.h); the format of 6.18 was read."""

from mmrun.model.core.timeline import always
from mmrun.model.core.tracepoint import kind, tracepoint
from mmrun.model.mm.migrate.settings import REASONS

kind("mode", ("MIGRATE_ASYNC", "MIGRATE_SYNC_LIGHT", "MIGRATE_SYNC"))
kind("reason", ["syscall_or_cpuset" if reason == "syscall" else reason for reason in REASONS])

mm_migrate_pages = tracepoint(
    40, "migrate", "mm_migrate_pages", "succeeded failed thp_succeeded thp_failed thp_split mode:mode reason:reason",
    always("nr_succeeded={succeeded} nr_failed={failed} nr_thp_succeeded={thp_succeeded} nr_thp_failed={thp_failed} "
           "nr_thp_split={thp_split} mode={mode} reason={reason}", "include/trace/events/migrate.h, 6.18"),
)  # fmt: skip
