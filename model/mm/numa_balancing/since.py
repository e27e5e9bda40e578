"""NUMA balancing: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, since, sysctl, within

SYSCTLS = "kernel/sysctl.c, 3.13; debugfs since 8a99b6833c88 sched: Move SCHED_DEBUG sysctl to debugfs, 5.13"

DATED: Dated = (
    axis("numa_balancing", always("two-stage", "mm/mempolicy.c: mpol_misplaced, 3.13; kernel/sched/fair.c: "
                                  "should_numa_migrate_memory")),
    sysctl("numa_balancing", since("3.13", 0, "CONFIG_NUMA_BALANCING is not in x86_64_defconfig; where it is built in, "
                                   "its default is 1 on machines with several nodes; a sysctl since 3.14")),
    within(
        "numa_balancing",
        since("3.13", (0, 1), "kernel/sysctl.c, 3.14"),
        since("5.18", (0, 3), "c574bbe91703 NUMA balancing: optimize page placement for memory tiering system, 5.18"),
    ),
    sysctl("numa_balancing_scan_delay_ms", since("3.13", 1000, SYSCTLS)),
    sysctl("numa_balancing_scan_period_min_ms", since("3.13", 1000, SYSCTLS)),
    sysctl("numa_balancing_scan_period_max_ms", since("3.13", 60_000, SYSCTLS)),
    sysctl("numa_balancing_scan_size_mb", since("3.13", 256, SYSCTLS)),
    flag("failures_slow_scans", "failed migrations let the scan period double",
         "074c238177a7 mm: numa: slow PTE scan rate if migration failures occur, 4.0", since="4.0"),
    flag("leaves_local", "words of a process with one thread are left alone if their page is on its node",
         "mm/mprotect.c: don't touch single threaded PTEs which are on the right node, 4.10", since="4.10"),
    flag("shared_faults_count", "scans become rarer if most faults are private, before it is asked if they are local",
         "37ec97deb3a8 sched/numa: Slow down scan rate if shared faults dominate, 4.14", since="4.14"),
    flag("leaves_dirty_files", "words of dirty file pages are left alone: most could not be moved without waiting",
         "09a913a7a947 sched/numa: avoid trapping faults and attempting migration of file-backed dirty pages",
         since="4.17"),
    flag("early_faults_migrate", "first and private faults migrate at once in a task's first four scans",
         "37355bdc5a12 sched/numa: Migrate pages to local nodes quicker early in the lifetime of a task, 4.20",
         since="4.20"),
    flag("maps_late", "a page that a hint fault moves is mapped after that, and read-only at first",
         "b99a342d4f11 NUMA balancing: reduce TLB flush via delaying mapping on hint page fault, 5.13", since="5.13"),
    flag("skips_unused", "mappings in which the task has had no hint fault lately are left out of scans",
         "fc137c0ddab2 sched/numa: Enhance vma scanning logic, 6.4", since="6.4"),
    gap("3.8", "3.12", "NUMA balancing of 3.8 to 3.12, which scanned and filtered otherwise, is left out"),
    gap("6.4", "6.6", "mappings left out of scans for two of them come back only with 6.7; here from the start"),
)  # fmt: skip
