"""Faults and file readahead: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, sysctl

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
)  # fmt: skip
