"""Swap and its readahead: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, since, sysctl, within

DATED: Dated = (
    axis(
        "swap_readahead",
        always("aligned", "mm/swapfile.c: valid_swaphandles, 3.1"),
        since("3.14", "adaptive-cluster", "swap: add a simple detector for inappropriate swapin readahead, 3.14"),
        since("4.14", "adaptive", "mm, swap: VMA based swap readahead, 4.14"),
    ),
    sysctl("page_cluster", always(3, "mm/swap.c: swap_setup")),
    within("page_cluster", always((0, 10), "an arbitrary most: a window of 4 MiB")),
)
