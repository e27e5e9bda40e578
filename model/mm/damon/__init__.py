"""DAMON: monitoring by regions, and its schemes (mm/damon/core.c, mm/damon/vaddr.c)."""
