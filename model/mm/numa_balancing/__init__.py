"""NUMA balancing: pages move to where they are used, as faults tell that are made for it (since 3.8).

By the clock of a task's own CPU time its page-table words are made prot-none, a stretch at a time. The next use of such
a page faults, which says who uses it from where, and when; a filter decides whether the page moves to the user's node.
How often a task is scanned follows from how local and how private its faults are.
Source: task_tick_numa, task_numa_work, task_numa_fault, update_task_scan_period of kernel/sched/fair.c, do_numa_page of
mm/memory.c, migrate_misplaced_folio of mm/migrate.c, 3.13 and 6.12.
"""
