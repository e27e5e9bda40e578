"""Memory tiers: reclaim moves cold pages to slower nodes, hint faults bring hot ones back (5.15, 5.18).

Demotion: what reclaim on a node would drop or swap out it moves to a node of the next lower tier, while there is room.
Promotion: with numa_balancing 2 only pages of slow nodes are made to fault; a page that faults soon after it was marked
is hot, and moves to the node of its user, so many a second at most; kswapd of fast nodes keeps some room for them.
Source: shrink_folio_list, demote_folio_list of mm/vmscan.c, mm/memory-tiers.c, should_numa_migrate_memory and what it
calls in kernel/sched/fair.c, 6.12.
"""
