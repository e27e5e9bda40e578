"""Faults and file readahead: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, gap, sysctl

DATED: Dated = (
    sysctl("zero_page", always(False, "a13ea5b75964 mm: reinstate ZERO_PAGE, 2.6.32: all versions here have it; off as "
                               "the studies were made without")),
    flag("fault_around", "cached pages around a file fault are mapped with it",
         "mm: introduce vm_ops->map_pages(), 3.15", since="3.15"),
    flag("recency_by_advice", "touches through a mapping advised random or sequential do not count as references",
         "mm: add vma_has_recency(), 6.3", since="6.3"),
    flag("anon_exclusive", "the first write to an anonymous page of one owner leaves it in the swap cache",
         "PG_anon_exclusive, mm/memory.c of 5.19", since="5.19"),
    flag("swapin_writable", "swap-in by a read maps the page writable, so there is no such fault",
         "mm/memory.c: do_swap_page, 6.11", since="6.11"),
    flag("readahead_nofs", "reclaim for pages that are read ahead may not enter file systems",
         "mm: use memalloc_nofs_save in readahead path, 5.8", since="5.8"),
    flag("read_as_readahead", "read() of a file without readahead takes the way of readahead for its page",
         "324bcf54c449 mm: use limited read-ahead to satisfy read, 5.10", since="5.10"),
    flag("readahead_by_order", "readahead allocates folios of growing order, ends its windows on their boundaries and "
         "starts a second pass where it meets a cached page", "mm/readahead.c, 6.17", since="6.17"),
    flag("large_folios_xfs", "files of XFS may have folios of more than one page",
         "6795801366da xfs: Support large folios; 793917d997df mm/readahead: Add large folio readahead, 5.18",
         since="5.18"),
    flag("large_folios_ext4", "files of ext4 may have folios of more than one page",
         "7ac67301e82f ext4: enable large folio for regular file, 6.16", since="6.16"),
    flag("marks_by_folio", "read() marks a folio as used once for all of its pages that it reads one after the other",
         "5ccc944dce3d filemap: Correct the conditions for marking a folio as accessed, 5.19", since="5.19"),
    flag("mark_rounds_down", "the folio that the first page to be read ahead lies in has the mark, not the next one",
         "ab4443fe3ca6 readahead: avoid multiple marked readahead pages, 6.8", since="6.8"),
    flag("order_1_folios", "folios of two pages are made, too",
         "8897277acfef mm: support order-1 folios in the page cache, 6.9", since="6.9"),
    flag("zap_by_folio", "unmapping a range marks a folio as used once for all of its words, before once for each",
         "10ebac4f95e7 mm/memory: optimize unmap/zap with PTE-mapped THP, 6.9", since="6.9"),
    flag("maps_whole_folios", "a fault of a mapped file maps all of a large folio, as far as mapping and page table "
         "reach", "19773df031bc mm/fault: try to map the entire file folio in finish_fault(); 357b92761d94 mm/filemap: "
         "map entire large folio faultaround, 6.18", since="6.18"),
    gap("6.6", "6.18", "of a dirty large folio only the blocks that were written leave for the disk; here all of it"),
)  # fmt: skip
