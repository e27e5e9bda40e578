"""What is mapped for devices: lists of pages, mappings that drivers keep, memory that they share with devices."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.dma.mapping.settings import FAULT_COUNTERS, GAUGES, MAPPING_COUNTERS

SG_ROWS = 1024  # entries of a list of pages that is being mapped: SG_MAX_SEGMENTS is 2048, no request has so many pages
# An entry of a list of pages (struct scatterlist): `bytes` from `offset` in frame `pfn` on, and what they became: a
# segment of `length` bytes at `address`, of which there are as many as mapping said, from the first entry on.
SCATTERLIST = row(pfn="i8", offset="i8", bytes="i8", address="i8", length="i8")
# What a driver has to remember of a mapping: the device by number (NONE: the row is free), its address, bytes and
# direction, where it lies in memory; `next`: another of the same owner + 1, or the next free row. A list has a row an
# entry: `sg`: how many, in the first of them; `length`: of its segment. `users`: buffers cut from a block that is
# mapped as a whole. The first rows are those of tasks' buffers.
DMA_MAP = row(
    dev="i4", direction="i4", address="i8", bytes="i8", length="i8", pfn="i8", offset="i4", sg="i4", next="i4",
    users="i4",
)  # fmt: skip
# Memory that a driver shares with a device (dma_alloc_coherent): `pfn`: its first frame (NONE: the row is free; several
# blocks in a row of addresses are chained through FRAME.next), its address for the device.
DMA_BUFFER = row(dev="i8", pfn="i8", pages="i8", bytes="i8", address="i8", remapped="i8", next="i8")
PDU_BLOCKS = 2  # of 64 KiB: 256 requests of virtio-blk
# Of a disk controller: what it maps for a request, entries of a list at most; of virtio: requests that its driver has
# room for, the tag of the next one, the blocks that requests lie in, the frame of their tables.
CONTROLLER = row(protocol="i8", most="i8", depth="i8", tag="i8", pdu=("i8", (PDU_BLOCKS,)), tables="i8")

scatterlist = table(382, "scatterlist", SCATTERLIST)
dma_maps = table(383, "dma_maps", DMA_MAP)
dma_buffers = table(400, "dma_buffers", DMA_BUFFER)
# Costs in ns, ways of the kernel's version; `distance_step`: ns a unit of SLIT distance beyond local.
dma_settings = one(401, "dma_settings", row(
    distance_step="i8", dma_cache_line="i8", nvme_simple="i8", arm_dma_ops="i8", dma_opt_size="i8",
    x86_remaps="i8", arm_own_ops="i8",
))  # fmt: skip
mapping_count = counts(402, "mapping_count", *MAPPING_COUNTERS, *FAULT_COUNTERS, *GAUGES)
map_of_block = table(403, "map_of_block", "i4")  # by frame: the mapping of the receive ring's block there, + 1
controllers = table(404, "controllers", CONTROLLER)  # by device
# First free row + 1 of `dma_maps` and `dma_buffers`, 0: none; rows ever used; of `dma_maps` rows that are `left`, and
# mappings that owners keep.
mapping_state = one(405, "mapping_state", row(
    free_map="i8", map_rows="i8", left="i8", nr_maps="i8", free_buffer="i8", buffer_rows="i8"
))  # fmt: skip
