"""CLOCK, a yardstick: one reference bit a frame, a hand that clears set bits and evicts the first page without.

Runs on the cell's frames and accesses alone: misses and write-backs are counted; time, zones, daemons and readahead are
not modelled, so compare it with cells whose readahead is off.
"""

SOURCE = "F. J. Corbato, MIT Project MAC, 1968"
YARDSTICK = "clock"
