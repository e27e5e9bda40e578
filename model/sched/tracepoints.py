"""The scheduler's tracepoints (include/trace/events/sched.h); read in 3.6, 4.4, 4.18, 5.19, 6.1 and 6.12."""

from mmrun.model.core.timeline import always, since
from mmrun.model.core.tracepoint import kind, tracepoint

H = "include/trace/events/sched.h"
RUNNING, SLEEPING, IN_DISK_SLEEP, DEAD = range(4)
WOKEN = "comm={who} pid={who.pid} prio={who.prio}"

kind("task_state", ("R", "S", "D", "X"))

sched_switch = tracepoint(
    99, "sched", "sched_switch", "prev:actor state:task_state next:actor",
    always("prev_comm={prev} prev_pid={prev.pid} prev_prio={prev.prio} prev_state={state} ==> "
           "next_comm={next} next_pid={next.pid} next_prio={next.prio}", f"{H}, 3.6"),
)  # fmt: skip
sched_wakeup = tracepoint(
    100, "sched", "sched_wakeup", "who:actor target_cpu",
    always(WOKEN + " success=1 target_cpu={target_cpu:03d}", f"{H}, 3.6"),
    since("4.3", WOKEN + " target_cpu={target_cpu:03d}", f"{H}, 4.4; the date by lttng-modules"),
)  # fmt: skip
