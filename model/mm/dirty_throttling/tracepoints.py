"""Dirty throttling's tracepoints (include/trace/events/writeback.h).

Rates are in pages a second where kernels give them, and are printed in KiB a second; times are in ms.
"""

from mmrun.model.core.timeline import gone, since
from mmrun.model.core.tracepoint import tracepoint
from mmrun.model.mm.writeback.tracepoints import INO, NUMBERS, PATH, PATHS, H

OLD = (
    "bdi {bdi}: limit={limit} setpoint={setpoint} dirty={dirty} bdi_setpoint={wb_setpoint} bdi_dirty={wb_dirty} "
    "dirty_ratelimit={dirty_ratelimit} task_ratelimit={task_ratelimit} dirtied={dirtied} "
    "dirtied_pause={dirtied_pause} paused={paused} pause={pause}"
)
TIMES = " period={period} think={think}"

balance_dirty_pages = tracepoint(
    95, "writeback", "balance_dirty_pages",
    "bdi:bdi limit setpoint dirty wb_setpoint wb_dirty dirty_ratelimit:KBps task_ratelimit:KBps dirtied dirtied_pause "
    "paused pause period think cgroup_ino:cgroup",
    since("3.2", OLD, "writeback: trace balance_dirty_pages, 3.2"),
    since("3.3", OLD + TIMES, "writeback: dirty ratelimit - think time compensation, 3.3"),
    since("4.3", OLD + TIMES + PATH, PATHS),
    since("4.6", OLD + TIMES + INO, NUMBERS, "between 4.5 and 4.9"),
    since("6.15", OLD.replace("bdi_", "wb_") + TIMES + INO,
          "writeback: Rename variables in trace_balance_dirty_pages(), 6.15"),
)  # fmt: skip
balance_dirty_start = tracepoint(
    96, "writeback", "balance_dirty_start", "bdi:bdi",
    since("3.1", "bdi {bdi}", f"{H}, 3.1"),
    gone("3.2", "dirtiers write nothing any more"),
)  # fmt: skip
balance_dirty_written = tracepoint(
    97, "writeback", "balance_dirty_written", "bdi:bdi written",
    since("3.1", "bdi {bdi} written {written}", f"{H}, 3.1"),
    gone("3.2", "dirtiers write nothing any more"),
)  # fmt: skip
balance_dirty_wait = tracepoint(
    98, "writeback", "balance_dirty_wait", "bdi:bdi",
    since("3.1", "bdi {bdi}", f"{H}, 3.1"),
    gone("3.2", "dirtiers write nothing any more"),
)  # fmt: skip
