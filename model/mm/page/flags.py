"""Where a frame is, what it is used for, which list it stands on (include/linux/page-flags.h, mmzone.h)."""

# Frame state bits. Exactly one of FREE (head of a free block), PCP, LRU, BATCHED (in a CPU's lru_add batch), ISOLATED
# (held by a reclaimer), KERNEL, NEW says where a frame is; interior frames of a free block have none.
LRU, ACTIVE, REFERENCED, WORKINGSET, DIRTY, WRITEBACK, RECLAIM = 1, 2, 4, 8, 16, 32, 64
ANON, SWAPCACHE, ISOLATED, FREE, PCP, BATCHED, KERNEL = 128, 256, 512, 1024, 2048, 8192, 16384
READAHEAD = RECLAIM  # one bit (PG_readahead, PG_reclaim): who finds a page marked for reclaim takes it for a hit
QUEUED = 32768  # waits in a CPU's activate batch, which holds a reference: reclaim must keep it
IDLE = 1 << 22  # a scanner found or made it idle, and nobody has used it since (page_idle)
YOUNG = 1 << 23  # a scanner took a young bit from reclaim, which counts it as one reference (page_young)
# Multi-generational LRU: generation + 1 (3 bits), accesses through files beyond the first (2 bits), and the list the
# page stands in, which lags behind its generation until eviction sorts it (2 bits).
GEN_SHIFT, REFS_SHIFT, HOME_SHIFT = 17, 20, 24
GEN_MASK, REFS_MASK, HOME_MASK = 7 << GEN_SHIFT, 3 << REFS_SHIFT, 3 << HOME_SHIFT
LOCKED = 1 << 27  # being read: whoever needs the page waits for it, reclaim passes it over
UNSENT = 1 << 28  # a LOCKED page whose read request has not been made yet
MOVING = 1 << 16  # its mover has locked it: whoever needs the page waits. Of a KERNEL page: its driver can move it
FAILED = 1 << 30  # its read has failed: there is nothing in it (not PG_uptodate)
NEW = 1 << 29  # allocated, on its way to a list or its use in the kernel
SLAB = 1 << 26  # a KERNEL frame of slab objects: `owner` is its partial list, `slot` the number of objects in it
PARTIALLY_MAPPED = 1 << 12  # a large folio of which some pages were unmapped (PG_partially_mapped)
FRAME_FLAGS = {
    "LRU": LRU, "ACTIVE": ACTIVE, "REFERENCED": REFERENCED, "WORKINGSET": WORKINGSET, "DIRTY": DIRTY,
    "WRITEBACK": WRITEBACK, "RECLAIM": RECLAIM, "ANON": ANON, "SWAPCACHE": SWAPCACHE, "ISOLATED": ISOLATED,
    "FREE": FREE, "PCP": PCP, "BATCHED": BATCHED, "KERNEL": KERNEL, "QUEUED": QUEUED,
    "IDLE": IDLE, "YOUNG": YOUNG, "GEN": GEN_MASK, "REFS": REFS_MASK, "HOME": HOME_MASK, "SLAB": SLAB,
    "PARTIALLY_MAPPED": PARTIALLY_MAPPED, "LOCKED": LOCKED, "UNSENT": UNSENT, "NEW": NEW, "MOVING": MOVING,
    "FAILED": FAILED,
}  # fmt: skip
FRAME_BITS = 31  # of FRAME.state in model/mm/page/state.py, without its sign


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
USER = LRU | BATCHED | ISOLATED  # where a page of a task or file is
PLACES = LRU | ISOLATED | FREE | PCP | BATCHED | KERNEL | NEW

# What a frame is used for (FRAME.kind), one thing at a time; inside a free block and on their way frames have none.
NO_KIND, FREE_BLOCK, PER_CPU, ANON_PAGE, FILE_PAGE, SLAB_PAGE, PAGE_TABLE, KERNEL_PAGE, ZRAM_PAGE, BOOT_PAGE = range(10)
TAIL_PAGE = 10
NET_PAGE = 11  # of socket buffers: a slab of heads (`owner`: its cache, `slot`: objects) or cut up (`slot`: references)
IOMMU_PAGE, BOUNCE_PAGE, DMA_PAGE = 12, 13, 14  # tables of an IOMMU; bounce buffers; memory shared with a device
HUGETLB_PAGE = 15
# A block of 2^order frames in use has one state, its first frame's, whose FRAME.order says how many follow: TAIL_PAGEs
# of no state, whose `owner` is the first.

INACTIVE_ANON, ACTIVE_ANON, INACTIVE_FILE, ACTIVE_FILE = 0, 1, 2, 3

# What a pageblock is for (enum migratetype). To 4.3 the fourth is the reserve for urgent allocations.
UNMOVABLE, MOVABLE, RECLAIMABLE, HIGHATOMIC, CMA, ISOLATE = range(6)
RESERVE = HIGHATOMIC
