"""What uses memory: tasks, their regions and page tables, files (include/linux/mm_types.h, fs.h).

The rows that everybody above reads and writes, and how long calls took, seen from user space (`calls`, `latency`).
"""
