"""What changes while a cell runs: settings and limits, caches dropped, memory taken back, groups removed.

A program in user space goes through the cell's `timeline`, entry by entry, and writes into the files that the kernel
has for it: /proc/sys/vm, the files of a group, memory.reclaim, rmdir. What a write does, it does in the writer's own
time: lowering memory.max reclaims and kills, memory.high reclaims, drop_caches walks every file. So an entry that takes
long delays those behind it. Kernel: fs/drop_caches.c; mm/memcontrol.c: memory_max_write, memory_high_write,
mem_cgroup_css_offline; mm/memcontrol-v1.c: mem_cgroup_resize_max, mem_cgroup_force_empty.
"""
