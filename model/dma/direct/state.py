"""Coherent memory, atomic pools, pools of small blocks, the block layer's bounce pages."""

from mmrun.model.core.record import WAIT_QUEUE, counts, one, row, table
from mmrun.model.dma.direct.settings import DIRECT_COUNTERS

POOL_DMA, POOL_DMA32, POOL_KERNEL = 0, 1, 2  # atomic pools, in the order of zones
ATOMIC_POOLS, CHUNKS = 3, 64
BLOCK_POOLS, BLOCK_PAGES, BLOCKS = 64, 1 << 14, 1 << 17  # rows for pools of small blocks, their pages, their blocks
ISA_POOL_SIZE = 16

# Filled by name: ways of the version, bytes, the cost of clearing a page (ns).
direct_settings = one(390, "direct_settings", row(
    dma_cma="i8", dma_cma_single="i8", dma_retries_dma32="i8", atomic_pool_bytes="i8", atomic_pools_grow="i8",
    isa_bounce="i8", dma_pool_any_page="i8", dma_pool_wastes_last="i8", kmalloc_bounces="i8", contig_clear_page="i8",
    lent="i8", encrypted="i8",
))  # fmt: skip
direct_count = counts(391, "direct_count", *DIRECT_COUNTERS)
# `pages`: of coherent memory in all. `bounced`: pages of the block layer's in use, of which pool elements; `elements`:
# those in reserve, a chain from `spare` on through FRAME.next. `work`: an atomic pool is to grow, `worker` makes it.
# `free_page`, `free_block`: first of chains of free rows + 1; `pool_pages`: pages of small blocks.
direct_state = one(392, "direct_state", row(
    pages="i8", bounced="i8", elements="i8", spare="i8", work="i8", worker=WAIT_QUEUE,
    atomic_unit="i8", pools="i8", free_page="i8", page_rows="i8", free_block="i8", block_rows="i8", pool_pages="i8",
))  # fmt: skip
# An atomic pool: pages in all and free; its chunks, the newest first, from `chunk` on (NONE: none).
atomic_pools = table(393, "atomic_pools", row(pages="i8", free="i8", chunk="i8", live="i8"))
# A chunk: a block of frames; `bit`: its pages' first word in `atomic_bits`.
atomic_chunks = table(394, "atomic_chunks", row(pfn="i8", order="i8", pool="i8", next="i8", bit="i8", live="i8"))
atomic_bits = table(395, "atomic_bits", "i1")  # of each page of a chunk: 1 in use
# A pool of blocks of `bytes`, of a device, which may not cross `boundary`, cut from buffers of `allocation` bytes;
# `next`: the block freed last + 1 of all (6.4); `page`: its first page (NONE: none), in the order in which they came.
DMA_POOL = row(
    dev="i8", bytes="i8", boundary="i8", allocation="i8", per="i8", live="i8", page="i8", last="i8", next="i8",
    used="i8", pages="i8",
)  # fmt: skip
dma_pools = table(396, "dma_pools", DMA_POOL)
# A buffer of a pool: its first frame, blocks in use, its free ones from `free` on, + 1; the pool's next one.
dma_pool_pages = table(397, "dma_pool_pages", row(pfn="i8", used="i8", free="i8", next="i8", pool="i8"))
# A block: its buffer, where it lies in it, the next free one + 1; `busy`: in use.
dma_blocks = table(398, "dma_blocks", row(page="i4", offset="i4", next="i4", busy="i4"))
