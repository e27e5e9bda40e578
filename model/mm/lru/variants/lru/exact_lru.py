"""Exact LRU, a yardstick: always evicts the page touched longest ago, which no kernel could afford to know.

Runs on the cell's frames and accesses alone: misses and write-backs are counted; time, zones, daemons and readahead are
not modelled, so compare it with cells whose readahead is off.
"""

SOURCE = "R. L. Mattson et al., IBM Systems Journal 9(2), 1970"
YARDSTICK = "exact-lru"
