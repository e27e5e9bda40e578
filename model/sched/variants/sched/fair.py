"""The fair scheduler: one queue a CPU, shares by nice level, checked at timer ticks, CFS until 6.5 and EEVDF since 6.6.

See model/sched. Tasks run on the CPUs of their node and so does its kswapd; flushers and other daemons on any.
"""

SOURCE = "kernel/sched/fair.c, 3.0, 5.17, 6.12"
SHARED = True
PARAMS = {
    "algorithm": (
        0,
        "",
        "0: that of the kernel's version, 1: CFS, 2: EEVDF",
        "kernel/sched/fair.c: EEVDF replaced CFS in 6.6",
        (0, 2, "there are these two"),
    ),
}
