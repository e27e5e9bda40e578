"""Swap and its readahead: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, number, param, since, sysctl, within

DATED: Dated = (
    axis(
        "swap_readahead",
        always("aligned", "mm/swapfile.c: valid_swaphandles, 3.1"),
        since("3.14", "adaptive-cluster", "swap: add a simple detector for inappropriate swapin readahead, 3.14"),
        since("4.14", "adaptive", "mm, swap: VMA based swap readahead, 4.14"),
    ),
    param(
        "swap_readahead/aligned", "over_holes",
        always(False, "mm/swapfile.c: valid_swaphandles, 3.1"),
        since("3.4", True, "67f96aa252e6 mm: make swapin readahead skip over holes, 3.4"),
    ),
    flag("swapin_synchronous", "what is read from zram passes by readahead and the swap cache",
         "0bcac06f27d7 mm, swap: skip swapcache for swapin of synchronous device, 4.15", since="4.15"),
    flag("swapin_marked", "pages read around in swap bear the readahead mark, which whoever finds one takes away",
         "swap: add a simple detector for inappropriate swapin readahead, 3.14", since="3.14"),
    flag("zram_forgets", "what is read from zram into the swap cache is stored there no more, and dirty",
         "mm: remove compressed copy from zram in-memory (end_swap_bio_read), 3.11; idle since 4.15",
         since="3.11", until="4.15"),
    number("swap_cluster", "slots of a swap cluster (SWAPFILE_CLUSTER)",
           always(256, "mm/swapfile.c, 3.1"),
           since("4.13", 512, "38d8b4e6bdc8 mm, THP, swap: delay splitting THP during swap out; CONFIG_THP_SWAP")),
    flag("swapin_plugged", "adjacent pages read around in swap become one request",
         "3fb5c298b04e swap: allow swap readahead to be merged, 3.6", since="3.6"),
    flag("swap_rw", "swap files without blocks of their own (NFS) are read and written 32 pages at a time, without "
         "waiting; before, page by page, and who writes waits",
         "2282679fb20b MM: submit multipage write for SWP_FS_OPS swap-space, 5.19", since="5.19"),
    gap("2.6.32", "2.6.38", "a queue is plugged whenever it was empty, so that reads from swap are merged; here as to "
        "3.5"),
    gap("2.6.32", "3.5", "swap over NFS is of 3.6; here it is as in 3.6"),
    gap("2.6.32", "5.7", "pages read ahead from swap are charged when they are mapped, here when they are read"),
    sysctl("page_cluster", always(3, "mm/swap.c: swap_setup")),
    within("page_cluster", always((0, 10), "an arbitrary most: a window of 4 MiB")),
)  # fmt: skip
