"""What follows when a group or the machine is at its limit: reclaim for the group, the OOM killer, the end of a task.

Source: mm/memcontrol.c (try_charge, high_work), mm/oom_kill.c, mm/mmap.c (exit_mmap).
"""
