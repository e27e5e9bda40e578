"""Reclaim: shrinking lists and nodes, kswapd and direct reclaim, writes from reclaim, sleeping over them.

Source: mm/vmscan.c. `shrink_list` takes pages off a list, `vmscan` goes through lruvecs; when and for how long is what
the axes `kswapd`, `direct_reclaim`, `reclaim_writeback` and `reclaim_throttle` vary.
"""
