"""What can be read of a machine's death."""

from mmrun.model.core.mechanism import Subject, Told, counters, some

HUNG_TASK_SECONDS = 120  # CONFIG_DEFAULT_HUNG_TASK_TIMEOUT
PARTNER_SECONDS = 1_000  # for whom another machine may still answer: TCP sends for 924 s before it gives up

LIFE = counters("""
died | lower | 1: the machine died, of a deadlock or a livelock; over replicates the share that did | 1
died_ns | higher | when the last task got somewhere, or something was read, written or reclaimed for the last time | ns
""")

TOLD = (Told("machine", some(LIFE, ("died",))), Told("machine", some(LIFE, ("died_ns",)), counted=True))

SUBJECTS = (
    Subject(
        "deadlock",
        "A machine on which nobody will ever run again, or (livelock) on which for 120 s of its own time no task got "
        "anywhere and nothing was read, written or reclaimed while all tasks are in the kernel, has died: the run is "
        "over, done and not failed, its `outcome` is `died`. `mmrun run` says in a paragraph who waited for whom, "
        "`mmrun status DIR --deaths` does so of a sweep. While a link is cut the limit is 1,000 s. A task that "
        "computes or sleeps by its own choice, and a request that a disk is sure to end, keep a machine alive; "
        "one that waits for data on a socket does only where no other task is held up.",
        ("died", "died_ns", "outcome", "pgscan_direct_throttle"),
        ("hung_task_timeout_secs", "khungtaskd", "livelock", "blocked for more than 120 seconds", "hang", "lockup"),
    ),
)
