"""The tracepoint of socket memory (include/trace/events/sock.h); formats of 3.6, 4.4, 5.19, 6.1 and 6.12 were read."""

from mmrun.model.core.timeline import always, since
from mmrun.model.core.tracepoint import kind, tracepoint

H = "include/trace/events/sock.h"
OLD = (
    "proto:TCP sysctl_mem={low},{pressure},{high} allocated={allocated} sysctl_rmem={sysctl_rmem} "
    "rmem_alloc={rmem_alloc}"
)

kind("skmem", ("SK_MEM_SEND", "SK_MEM_RECV"))

sock_exceed_buf_limit = tracepoint(
    101, "sock", "sock_exceed_buf_limit",
    "low pressure high allocated sysctl_rmem rmem_alloc sysctl_wmem wmem_alloc wmem_queued skmem:skmem",
    always(OLD, f"{H}, 3.6"),
    since("4.19", OLD + " sysctl_wmem={sysctl_wmem} wmem_alloc={wmem_alloc} wmem_queued={wmem_queued} kind={skmem}",
          f"{H}, 5.19; the date by lttng-modules"),
)  # fmt: skip
