"""Tasks' states, a group's states on each CPU, and what a group has come to."""

from mmrun.model.core.record import one, row, table

IOWAIT, MEMSTALL, RUNNING, ONCPU = 1, 2, 4, 8  # flags of a task (TSK_*)
IO_SOME, IO_FULL, MEM_SOME, MEM_FULL, CPU_SOME, CPU_FULL, NONIDLE = range(7)  # states (enum psi_states)
STATES, TOLD_STATES = 7, 6
PSI_OFF, PSI_OWN, PSI_SHARED = 0, 1, 2  # no such thing; every actor has a CPU of its own; CPUs are shared

# An actor: its flags, and the CPU whose counts have them.
PSI_TASK = row(state="i8", cpu="i8")
# Of a group on a CPU, or of the actor whose CPU it is: how many tasks are so; `mask`: the states that follow, since
# `since`; `times` in each up to then, `before`: up to when they were collected (ns).
PSI_CPU = row(
    iowait="i8", memstall="i8", running="i8", oncpu="i8", memstall_running="i8", memstall_oncpu="i8", mask="i8",
    since="i8", times=("i8", (STATES,)), before=("i8", (STATES,)),
)  # fmt: skip
# Of a group: `total` of each state, `averaged` of that (ns); `avg` over 10, 60, 300 s in per cent, 11 bits behind the
# point; `deltas`, `nonidle`: what the CPUs collected so far add up to (ns x jiffies, jiffies).
PSI_GROUP = row(
    total=("i8", (TOLD_STATES,)), averaged=("i8", (TOLD_STATES,)), avg=("i8", (3 * TOLD_STATES,)),
    deltas=("i8", (TOLD_STATES,)), nonidle="i8",
)  # fmt: skip

psi_tasks = table(214, "psi_tasks", PSI_TASK)
psi_cpus = table(215, "psi_cpus", PSI_CPU)  # by actor; where CPUs are shared: by group and CPU
psi_groups = table(216, "psi_groups", PSI_GROUP)
# `psi`: PSI_OFF ..; `period`: between two averages (ns). The rest are ways of the kernel's version, 0 or 1.
psi_settings = one(
    217, "psi_settings", row(
        mode="i8", period="i8", psi_some_by_current="i8", psi_cpu_full="i8", psi_full_by_running="i8",
        psi_over_high="i8", psi_node_reclaim="i8", psi_swap_read="i8", psi_swap_workingset="i8", psi_file_read="i8",
    ),
)  # fmt: skip
psi = one(218, "psi", row(next_update="i8", recent=("i8", (STATES,))))
