"""Pressure stall information: what changed when."""

from mmrun.model.core.timeline import Dated, flag, gap

DATED: Dated = (
    flag("psi", "pressure stall information", "psi: pressure stall information for CPU, memory, and IO, 4.20",
         since="4.20"),
    flag("psi_over_high", "the sleep of a task over memory.high is a memory stall, as its reclaim is",
         "mm, memcg: throttle allocators when failing reclaim over memory.high, 5.4", since="5.4"),
    flag("psi_file_read", "sending a read for a page that was evicted lately is a memory stall",
         "block: annotate refault stalls from IO submission (b8e24a9300b0), 5.4", since="5.4"),
    flag("psi_swap_read", "swap-in from a synchronous device is a memory stall, as is sending any other",
         "mm/page_io.c: annotate refault stalls from swap_readpage (937790699be9), 5.5", since="5.5"),
    flag("psi_swap_workingset", "of swap-ins those of pages evicted lately are",
         "mm/page_io.c: swap_read_folio, 6.12; not in 5.17", since="6.0", unsure="after 5.17, in 6.12"),
    flag("psi_some_by_current", "a CPU where somebody waits has CPU pressure, not one where two can run",
         "psi: Fix cpu.pressure for cpu.max and competing cgroups, 5.7", since="5.7"),
    flag("psi_node_reclaim", "reclaim of a node is a memory stall", "mm/vmscan.c: __node_reclaim, 5.17",
         since="5.9", unsure="up to 5.17"),
    flag("psi_cpu_full", "cpu.pressure has a line `full`", "psi: Add PSI_CPU_FULL state, 5.13", since="5.13"),
    flag("psi_full_by_running", "memory is under full pressure where all who can run are in a stall",
         "psi: Fix PSI_MEM_FULL state when tasks are in memstall and doing reclaim; 5.17, not in 5.15", since="5.17",
         unsure="5.16 or 5.17"),
    gap("4.20", "5.12", "memory is under full pressure where a reclaimer runs for as long as it runs, not by ticks"),
)  # fmt: skip
