"""The journal's tracepoints (include/trace/events/jbd2.h, 6.12); times in ms as there."""

from mmrun.model.core.timeline import always
from mmrun.model.core.tracepoint import kind, tracepoint

H = "include/trace/events/jbd2.h, 6.12; `dev` is the disk's number here"
COMMIT = "dev {disk},0 transaction {tid} sync {sync}"

kind("ms", lambda ns: str(ns // 1_000_000))

jbd2_start_commit = tracepoint(140, "jbd2", "jbd2_start_commit", "disk tid sync", always(COMMIT, H))
jbd2_commit_locking = tracepoint(141, "jbd2", "jbd2_commit_locking", "disk tid sync", always(COMMIT, H))
jbd2_commit_flushing = tracepoint(142, "jbd2", "jbd2_commit_flushing", "disk tid sync", always(COMMIT, H))
jbd2_commit_logging = tracepoint(143, "jbd2", "jbd2_commit_logging", "disk tid sync", always(COMMIT, H))
jbd2_end_commit = tracepoint(
    144, "jbd2", "jbd2_end_commit", "disk tid sync head",
    always(f"{COMMIT} head {{head}}", H),
)  # fmt: skip
jbd2_handle_start = tracepoint(
    145, "jbd2", "jbd2_handle_start", "disk tid credits",
    always("dev {disk},0 tid {tid} type 0 line_no 0 requested_blocks {credits}", H),
)  # fmt: skip
jbd2_handle_stats = tracepoint(
    146, "jbd2", "jbd2_handle_stats", "disk tid interval:ms sync credits dirtied",
    always("dev {disk},0 tid {tid} type 0 line_no 0 interval {interval} sync {sync} requested_blocks {credits} "
           "dirtied_blocks {dirtied}", H),
)  # fmt: skip
jbd2_run_stats = tracepoint(
    147, "jbd2", "jbd2_run_stats",
    "disk tid delay:ms running:ms locked:ms flushing:ms logging:ms handles blocks logged",
    always("dev {disk},0 tid {tid} wait 0 request_delay {delay} running {running} locked {locked} flushing {flushing} "
           "logging {logging} handle_count {handles} blocks {blocks} blocks_logged {logged}", H),
)  # fmt: skip
jbd2_checkpoint = tracepoint(
    148, "jbd2", "jbd2_checkpoint", "disk result",
    always("dev {disk},0 result {result}", H),
)  # fmt: skip
jbd2_submit_inode_data = tracepoint(
    149, "jbd2", "jbd2_submit_inode_data", "disk file",
    always("dev {disk},0 ino {file}", H),
)  # fmt: skip
