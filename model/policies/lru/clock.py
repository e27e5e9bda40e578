"""CLOCK, a yardstick: one reference bit a frame, a hand that clears set bits and evicts the first page without.

Runs on the cell's frames and accesses alone: misses and write-backs are counted, time, zones and daemons are not.
"""

SOURCE = "F. J. Corbato, MIT Project MAC, 1968"
YARDSTICK = "clock"
