"""The lists that pages stand on, and what reclaim concludes from them.

Source: mm/swap.c, mm/workingset.c, mm/rmap.c and the list half of mm/vmscan.c. Two lists, active and inactive, are
shared by most variants (`two_lists`, `references`, `scan_balance`); generations use the same calls (`gens`).
"""
