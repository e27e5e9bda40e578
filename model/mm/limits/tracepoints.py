"""The OOM killer's tracepoint (include/trace/events/oom.h); read in 5.19, 6.1 and 6.12. Sizes in KiB."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

mark_victim = tracepoint(
    60, "oom", "mark_victim", "pid who:actor total anon file tables adj",
    since("4.14", "pid={pid}", "mm, oom: add tracepoints for OOM killer and OOM reaper"),
    since("6.8", "pid={pid} comm={who} total-vm={total}kB anon-rss={anon}kB file-rss:{file}kB shmem-rss:0kB uid=0 "
          "pgtables={tables}kB oom_score_adj={adj}", "mm: update mark_victim tracepoints fields", "6.2 to 6.12"),
)  # fmt: skip
