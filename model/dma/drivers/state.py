"""Queues of packets by task, their rings and buffers; how far a device has come; what is mapped for long."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.dma.drivers.settings import DRIVER_COUNTERS

PER_PACKET, PER_PAGE, POOL = 0, 1, 2  # DMA_QUEUE.style
TX, RX, BOTH = 0, 1, 2  # DMA_QUEUE.way

# A task's queue. `pieces` of a slot are mapped apart: a header of `header` bytes and the rest in pieces of `part`
# bytes, or (`share` > 0) so many slots lie in one block of 2^order pages, `stride` bytes apart, which is mapped as a
# whole. `payload`, `framed`: bytes of a packet, and with what the link adds; `work`: what the driver and the stack
# spend on it (ns); `coalesce`: packets that an interrupt waits for. `n` slots from `head` on are the device's, the
# first ones have come back where their time is past. `lines`: row of the coherent memory that descriptors lie in.
# `began`, `ended`: when its ring had been filled, then all the device's had gone round (`lap` packets); when it closed
# (ns; 0: not yet); `packets`, `busy`: handled in between, and CPU time for that (ns). `late`: what the next deadline is
# for has failed already. Objects of a graphics processor: `each` pages, `bound` in all.
DMA_QUEUE = row(
    dev="i8", style="i8", way="i8", pieces="i8", header="i8", part="i8", share="i8", order="i8", stride="i8",
    payload="i8", framed="i8", work="i8", coalesce="i8", ring="i8", first_slot="i8", first_piece="i8", head="i8",
    n="i8", opened="i8", lines="i8", lap="i8", began="i8", ended="i8", packets="i8", busy="i8", late="i8",
    first_object="i8", objects="i8", each="i8", bound="i8",
)  # fmt: skip
SLOT = row(at="i8", mapped="i8")  # when the device is done (ns); whether it has addresses
# What is mapped as one: its frames, the part of them, its address or DMA_ERROR, slots that use it now.
PIECE = row(frame="i8", offset="i8", bytes="i8", address="i8", users="i8")
# How far a device has come in one direction, in ps: `free` when its last transfer has passed, `each` a byte.
ENGINE = row(free="i8", each="i8", busy="i8", walked="i8", bytes="i8")
# A buffer of a task that is mapped for long, by its row of `buffers`: address, coherent memory it lies in (a row, or
# NONE), bytes, device. An object of a graphics processor: its first page, when it was last drawn (ns); bound ones have
# as many `entries` in their list, in rows of `dma_object_pages` from `first` on.
MAPPED = row(address="i8", coherent="i8", bytes="i8", dev="i8")
OBJECT = row(page="i8", first="i8", entries="i8", segments="i8", last="i8")
ENTRY = row(pfn="i8", offset="i8", bytes="i8", address="i8", length="i8")  # as in SCATTERLIST

dma_queues = table(430, "dma_queues", DMA_QUEUE)  # by task
dma_slots = table(431, "dma_slots", SLOT)
dma_pieces = table(432, "dma_pieces", PIECE)
dma_engines = table(433, "dma_engines", ENGINE)  # by device and direction: 2 * device + (1: the device writes)
dma_mapped = table(434, "dma_mapped", MAPPED)  # by row of `buffers`
dma_objects = table(435, "dma_objects", OBJECT)
dma_object_pages = table(436, "dma_object_pages", ENTRY)
dma_driver_count = counts(437, "dma_driver_count", *DRIVER_COUNTERS)
dma_driver_settings = one(438, "dma_driver_settings", row(dma_walkers="i8", dma_retry="i8"))
