"""What can be read: counters, hooks."""

from mmrun.model.core.mechanism import CORE, Subject, Told, counters, hooks

HOOKS = {
    **hooks(CORE, 145, ("atomic_pool_work", "number", "makes atomic pools larger that have little left, for ever"),
            optional=True),
}  # fmt: skip

DIRECT_COUNTERS = counters("""
dma_alloc_success | none | requests for coherent memory that were served | events
dma_alloc_fail | lower | requests for coherent memory that found none within the device's reach | events
dma_alloc_retry | lower | blocks that lay beyond the device's reach and were given back for a lower zone's | events
dma_pool_fail | lower | of the failed requests, those that may not sleep and found an atomic pool empty | events
dma_map_unreachable | lower | mappings of memory that the device cannot reach, without bounce buffers | events
bounce_blocks | lower | pages of requests that the block layer copied to where the disk's controller reaches | pages
bounce_waits | lower | requests that were tried again later, as there was no such page | events
""")
COUNTERS = DIRECT_COUNTERS  # of the machine
GAUGES = counters("""
dma_pages | none | pages of coherent memory, pools included, when the run ends
pool_size_dma | none | bytes of the atomic pool in zone DMA | bytes
pool_size_dma32 | none | bytes of the atomic pool in zone DMA32 | bytes
pool_size_kernel | none | bytes of the atomic pool from anywhere | bytes
dma_pool_pages | none | pages of coherent memory that pools of small blocks hold when the run ends
nr_bounce | none | pages that the block layer has copied and not given back when the run ends
""")
TOLD = (Told("machine", GAUGES, sampled=True),)

SUBJECTS = (
    Subject(
        "dma mask",
        "Which addresses a device can drive: `machine.devices.<name>.dma_mask_bits`. Memory beyond is bounced where "
        "there is a bounce pool, else the mapping fails; coherent memory comes from the zone that the mask allows, and "
        "when that is empty there is none.",
        ("machine.devices", "machine.swiotlb", "dma_alloc_fail", "dma_map_unreachable"),
        ("gfp_dma", "gfp_dma32", "zone dma", "dma_direct_alloc", "dma_set_mask", "isa"),
    ),
    Subject(
        "dma_pool",
        "Pools of small blocks of coherent memory, as drivers keep for descriptors; they never shrink.",
        ("dma_pool_pages",),
        ("pci_pool", "dma_pool_alloc", "dmapool"),
    ),
)
