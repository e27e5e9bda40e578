"""Random replacement, a yardstick: evicts a resident page chosen uniformly, from a seeded stream.

Runs on the cell's frames and accesses alone: misses and write-backs are counted; time, zones, daemons and readahead are
not modelled, so compare it with cells whose readahead is off.
"""

SOURCE = "the bound below which a policy has learnt nothing"
DRAWS = "always"
YARDSTICK = "random"
