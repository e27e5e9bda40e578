"""Bounce buffers: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, gap, number, since

DATED: Dated = (
    flag("swiotlb_overflow_buffer", "a mapping of a page that finds no room is given a buffer that is everybody's",
         "dff8d6c1ed58 swiotlb: remove the overflow buffer, 4.20", until="4.20"),
    number(
        "swiotlb_page_aligned", "bytes from which on a bounce buffer begins with a page",
        always(4097, "lib/swiotlb.c: swiotlb_tbl_map_single, 3.6"),
        since("4.11", 4096, "602d9858f07c swiotlb: ensure that page-sized mappings are page-aligned",
              unsure="4.10 or 4.11"),
    ),
    number(
        "swiotlb_slot_bytes", "bytes that the kernel keeps of each slot",
        always(12, "lib/swiotlb.c: io_tlb_list, io_tlb_orig_addr, 3.6"),
        since("5.11", 20, "io_tlb_alloc_size", unsure="5.11 to 5.13"),
        since("5.14", 24, "kernel/dma/swiotlb.c: struct io_tlb_slot, 5.14"),
    ),
    flag("swiotlb_min_align", "a bounce buffer keeps the low bits of an address that its device says matter",
         "1f221a0d0dbf swiotlb: respect min_align_mask, 5.12", since="5.12"),
    flag("swiotlb_copies_in", "what a device is to write is copied in, too, so that nothing it leaves out is lost",
         "aa6f8dcbab47 swiotlb: rework 'fix info leak with DMA_FROM_DEVICE', 5.18", since="5.18",
         unsure="5.17 or 5.18"),
    flag("swiotlb_areas", "the pool has areas, as many as CPUs, with a lock each",
         "20347fca71a3 swiotlb: split up the global swiotlb lock, 6.0", since="6.0"),
    flag("swiotlb_dynamic", "the pool can grow (CONFIG_SWIOTLB_DYNAMIC)",
         "1aaa736815eb swiotlb: allocate a new memory pool when existing pools are full, 6.6", since="6.6"),
    flag("untrusted_bounces", "a device that is not trusted sees whole pages of its own only: others are bounced",
         "iommu/vt-d: Use bounce buffer for untrusted devices, 5.4", since="5.4"),
    flag("confidential_size", "the pool of a confidential guest is 6 % of its memory",
         "e998879d4fb7 x86,swiotlb: Adjust SWIOTLB bounce buffer size for SEV guests, 5.11", since="5.11"),
    gap("2.6.32", "4.19", "a page of more than 32 KiB that finds no room in the bounce pool panics; here it fails"),
    gap("6.6", "6.18", "a confidential guest's pool for one mapping comes from ordinary memory, not from atomic pools"),
    gap("5.15", "6.18", "no device has a bounce pool of its own (restricted DMA)"),
)  # fmt: skip
