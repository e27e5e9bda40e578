"""Belady's OPT, a yardstick: evicts the page whose next touch is farthest in the future.

Runs on the cell's frames and accesses alone: misses and write-backs are counted; time, zones, daemons and readahead are
not modelled, so compare it with cells whose readahead is off.
"""

SOURCE = "L. A. Belady, IBM Systems Journal 5(2), 1966"
YARDSTICK = "opt"
