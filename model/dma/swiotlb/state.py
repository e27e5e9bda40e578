"""The bounce pool: slots, areas, pools; and how it is set."""

from mmrun.model.core.calendar import BOOKED
from mmrun.model.core.calendar import SLOTS as BOOKED_SLOTS
from mmrun.model.core.record import WAIT_QUEUE, counts, one, row, table
from mmrun.model.dma.swiotlb.settings import SWIOTLB_COUNTERS

SLOT_SHIFT, SEGMENT = 11, 128  # IO_TLB_SHIFT, IO_TLB_SEGSIZE
SLOT = 1 << SLOT_SHIFT
MIN_SLABS, DEFAULT_SLABS = (1 << 20) >> SLOT_SHIFT, (64 << 20) >> SLOT_SHIFT
LARGEST_GROWN = 2 << 10  # slots of a block of the largest order
CALENDAR = BOOKED_SLOTS  # rows of a lock's calendar
OVERFLOW_PAGES = 8  # io_tlb_overflow
GROWN, TRANSIENT = 64, 4096  # pools that can be added, for good and for a mapping each

# Filled by name: costs (ns, ps a byte), ways of the version. `forced`: everything bounces; `grows`: the pool does;
# `hole_from`, `hole`: frames from there on have addresses so many bytes higher, as devices lie below 4 GiB.
swiotlb_settings = one(384, "swiotlb_settings", row(
    swiotlb_lock="i8", swiotlb_slot="i8", bounce_cached="i8", bounce_uncached="i8", swiotlb_overflow_buffer="i8",
    swiotlb_page_aligned="i8", swiotlb_min_align="i8", swiotlb_copies_in="i8", forced="i8", grows="i8", hole_from="i8",
    hole="i8", untrusted_bounces="i8",
))  # fmt: skip
# A pool: `address` of its first byte, `pfn`: its first frame, `order` of its block if it was allocated, NONE at boot;
# its slots from row `slot` on, its areas from `area` on, of `area_slabs` slots each; `next`: another one, NONE at last.
POOL = row(
    address="i8", pfn="i8", order="i8", slabs="i8", areas="i8", area_slabs="i8", slot="i8", area="i8", transient="i8",
    live="i8", next="i8",
)  # fmt: skip
AREA = row(used="i8", index="i8", lock="i8")  # slots in use; where the next search begins; its calendar, NONE: none
# A slot. `list`: free slots from here to the end of the segment or to the next one in use; of a mapping's slots `first`
# is that of its first one, which has `bytes` and the address `orig` of what was mapped; NONE: free.
SLOTS = row(list="i4", first="i4", bytes="i8", orig="i8")
io_tlb_pools = table(385, "io_tlb_pools", POOL)
io_tlb_areas = table(386, "io_tlb_areas", AREA)
io_tlb_slots = table(387, "io_tlb_slots", SLOTS)
swiotlb_count = counts(388, "swiotlb_count", *SWIOTLB_COUNTERS)
# `pools`: the first to be searched, NONE: there is none; `areas` of the pool of boot; `overflow`: address of the buffer
# for what finds no room, 0: none; `work`: a larger pool is wanted, `worker` makes it; `spare`: first of a chain of
# rows for transient pools, `grown`: rows of the others in use; `live`: mappings.
swiotlb_state = one(389, "swiotlb_state", row(
    pools="i8", areas="i8", slabs="i8", used="i8", hiwater="i8", transient="i8", overflow="i8", work="i8",
    worker=WAIT_QUEUE, spare="i8", grown="i8", live="i8",
))  # fmt: skip
swiotlb_calendars = table(399, "swiotlb_calendars", BOOKED)  # of areas' locks: CALENDAR rows each
