"""Codes shared by the mechanisms: frame states, lists, reclaim verdicts, region kinds, placement modes."""

# Frame state bits. Exactly one of FREE (head of a free block), PCP, LRU, BATCHED (in a CPU's lru_add batch), ISOLATED
# (held by a reclaimer), KERNEL, NEW says where a frame is; interior frames of a free block have none.
LRU, ACTIVE, REFERENCED, WORKINGSET, DIRTY, WRITEBACK, RECLAIM = 1, 2, 4, 8, 16, 32, 64
ANON, SWAPCACHE, ISOLATED, FREE, PCP, READAHEAD, BATCHED, KERNEL = 128, 256, 512, 1024, 2048, 4096, 8192, 16384
QUEUED = 32768  # waits in a CPU's activate batch, which holds a reference: reclaim must keep it
IDLE = 1 << 22  # a scanner found or made it idle, and nobody has used it since (page_idle)
YOUNG = 1 << 23  # a scanner took a young bit from reclaim, which counts it as one reference (page_young)
# Multi-generational LRU: generation + 1 (3 bits), accesses through files beyond the first (2 bits), and the list the
# page stands in, which lags behind its generation until eviction sorts it (2 bits).
GEN_SHIFT, REFS_SHIFT, HOME_SHIFT = 17, 20, 24
GEN_MASK, REFS_MASK, HOME_MASK = 7 << GEN_SHIFT, 3 << REFS_SHIFT, 3 << HOME_SHIFT
LOCKED = 1 << 27  # being read: whoever needs the page waits for it, reclaim passes it over
UNSENT = 1 << 28  # a LOCKED page whose read request has not been made yet
NEW = 1 << 29  # allocated, on its way to a list or its use in the kernel
SLAB = 1 << 26  # a KERNEL frame of slab objects: `owner` is its partial list, `slot` the number of objects in it
FRAME_FLAGS = {
    "LRU": LRU, "ACTIVE": ACTIVE, "REFERENCED": REFERENCED, "WORKINGSET": WORKINGSET, "DIRTY": DIRTY,
    "WRITEBACK": WRITEBACK, "RECLAIM": RECLAIM, "ANON": ANON, "SWAPCACHE": SWAPCACHE, "ISOLATED": ISOLATED,
    "FREE": FREE, "PCP": PCP, "READAHEAD": READAHEAD, "BATCHED": BATCHED, "KERNEL": KERNEL, "QUEUED": QUEUED,
    "IDLE": IDLE, "YOUNG": YOUNG, "GEN": GEN_MASK, "REFS": REFS_MASK, "HOME": HOME_MASK, "SLAB": SLAB,
    "LOCKED": LOCKED, "UNSENT": UNSENT, "NEW": NEW,
}  # fmt: skip
FRAME_BITS = 31  # of FRAME.state in model/state/page.py, without its sign


def check_flags(flags: dict[str, int]) -> None:
    """ValueError when two frame flags share a bit, or one does not fit the field that holds them."""
    taken = 0
    for name, mask in flags.items():
        if mask >> FRAME_BITS:
            raise ValueError(f"the frame flag {name} needs more than the {FRAME_BITS} bits of FRAME.state: widen it")
        if mask & taken:
            raise ValueError(f"the frame flag {name} has bits of another, see FRAME_FLAGS")
        taken |= mask


check_flags(FRAME_FLAGS)
PLACES = LRU | ISOLATED | FREE | PCP | BATCHED | KERNEL | NEW

# What a frame is used for (FRAME.kind), one thing at a time; inside a free block and on their way frames have none.
NO_KIND, FREE_BLOCK, PER_CPU, ANON_PAGE, FILE_PAGE, SLAB_PAGE, PAGE_TABLE, KERNEL_PAGE, ZRAM_PAGE, BOOT_PAGE = range(10)

INACTIVE_ANON, ACTIVE_ANON, INACTIVE_FILE, ACTIVE_FILE = 0, 1, 2, 3

# Verdicts on a page at the tail of an inactive list (enum folio_references).
RECLAIM_PAGE, RECLAIM_CLEAN, KEEP, ACTIVATE = 0, 1, 2, 3

# Page-table word: PRESENT | YOUNG | DIRTY | frame << 3, and the sign bit for write-protected; absent: slot + 1 << 3.
PTE_PRESENT, PTE_YOUNG, PTE_DIRTY, PTE_SHIFT = 1, 2, 4, 3
PTE_WRPROTECT = -(1 << 31)
PTE_FRAME = (1 << 28) - 1
NOBODY = -1  # owner of an anonymous page that outlived its task, because it was being written

REGION_ANON, REGION_MMAP, REGION_READ, REGION_SLAB = 0, 1, 2, 3
ADVICE_NORMAL, ADVICE_RANDOM, ADVICE_SEQUENTIAL = 0, 1, 2
MODE_LOCAL, MODE_BIND, MODE_PREFERRED, MODE_PREFERRED_MANY, MODE_INTERLEAVE, MODE_WEIGHTED = 0, 1, 2, 3, 4, 5
SWAP_PARTITION, SWAP_ZRAM, SWAP_NBD, SWAP_NFS, SWAP_ISCSI = 0, 1, 2, 3, 4
WRITEPAGE_WRITES, WRITEPAGE_KSWAPD, WRITEPAGE_IGNORES = 0, 1, 2  # answers of file systems to reclaim
# For what a write is made, as blk-wbt sees it: the flusher's own business, anybody's, or to let somebody go on.
IO_BACKGROUND, IO_NORMAL, IO_URGENT = 0, 1, 2
DISK_GENERIC, DISK_HDD, DISK_USB, DISK_STRIPE, DISK_NFS = 0, 1, 2, 3, 4

OK, OUT_OF_MEMORY = 0, 1  # what serving an access comes to
RUNNABLE, DONE, NEED_EVENTS, KILLED = 0, 1, 2, 3
MOVABLE = 1  # migratetype of everything the model allocates so far
DEF_PRIORITY, SWAP_CLUSTER_MAX = 12, 32
ONE_TOUCH, TWO_TOUCH = 1, 2  # lru_gen: generations as in 6.1, or as reworked in 6.14; 0: two lists

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
    9: "no actor can make progress",
    10: "a swap slot was freed twice",
    11: "an event asks for what its region cannot do",
    12: "a slab object or its list is not where it should be",
    13: "a hook raised an exception",
    14: "kernel code that must not sleep went to sleep",
    15: "an allocation of an order that is not served",
}
BAD_LIST, BAD_STATE, BAD_BUDDY, BAD_CHECK_REFERENCES, BAD_FREE, BAD_IO, BAD_CHARGE, BAD_PTE, STUCK = range(1, 10)
BAD_SLOT, BAD_EVENT, BAD_OBJECT, HOOK_RAISED, ASLEEP_IN_INTERRUPT, BAD_ORDER = 10, 11, 12, 13, 14, 15
