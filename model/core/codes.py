"""Codes that everybody shares: what became of an access, of a task, and why a kernel stopped the machine."""

OK, OUT_OF_MEMORY = 0, 1  # what serving an access comes to
RUNNABLE, DONE, NEED_EVENTS, KILLED = 0, 1, 2, 3
SWAP_CLUSTER_MAX = 32  # pages that reclaim takes at a time (include/linux/swap.h)

# Why a kernel stopped the machine (m.broken).
BROKEN = {
    1: "a list is longer than its count says",
    2: "a frame was taken from a list it is not on",
    3: "a free block overlaps another",
    4: "check_references answered what is none of RECLAIM_PAGE, RECLAIM_CLEAN, KEEP and ACTIVATE",
    5: "a frame was freed while still mapped or cached",
    6: "more requests in flight than the table holds",
    7: "a charge went below zero",
    8: "a page-table word and its frame disagree",
    9: "turns follow each other while no time passes",
    10: "a swap slot was freed twice",
    11: "an event asks for what its region cannot do",
    12: "a slab object or its list is not where it should be",
    13: "a hook raised an exception",
    14: "kernel code that must not sleep went to sleep",
    15: "an allocation of an order that is not served",
}
BAD_LIST, BAD_STATE, BAD_BUDDY, BAD_CHECK_REFERENCES, BAD_FREE, BAD_IO, BAD_CHARGE, BAD_PTE, STUCK = range(1, 10)
BAD_SLOT, BAD_EVENT, BAD_OBJECT, HOOK_RAISED, ASLEEP_IN_INTERRUPT, BAD_ORDER = 10, 11, 12, 13, 14, 15
