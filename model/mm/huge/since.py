"""Huge pages: what changed when."""

from mmrun.model.core.timeline import Dated, flag, gap, since, sysctl

DEFRAG = "444eb2a449ef mm: thp: set THP defrag by default to madvise and add a stall-free defrag option, 4.6"
LOCAL = "077fcf116c8c mm/thp: allocate transparent hugepages on local node, 4.0"
SIZES = "19eaf44954df mm: thp: support allocation of anonymous multi-size THP, 6.8"
DEFAULT = "mm/huge_memory.c, 6.8: huge_anon_orders_inherit"

DATED: Dated = (
    sysctl(
        "transparent_hugepage_defrag",
        since("2.6.38", "always", "mm/huge_memory.c: TRANSPARENT_HUGEPAGE_DEFRAG_FLAG, 2.6.38"),
        since("4.6", "madvise", DEFRAG),
    ),
    *(sysctl(f"hugepages_{kb}kb", since("6.8", "never", DEFAULT)) for kb in (16, 32, 64, 128, 256, 512, 1024)),
    sysctl("hugepages_2048kb", since("6.8", "inherit", DEFAULT)),
    sysctl("max_ptes_none", since("2.6.38", 511, "mm/huge_memory.c: khugepaged_max_ptes_none, 2.6.38")),
    flag("thp_defers", "transparent_hugepage_defrag has `defer`", DEFRAG, since="4.6"),
    flag("thp_defers_unless_advised", "transparent_hugepage_defrag has `defer+madvise`",
         "21440d7eb904 mm, thp: add new defer+madvise defrag option, 4.11", since="4.11"),
    flag("thp_pmd_alone", "the entry of a huge page is split without its folio, which waits on a queue when a part of "
         "it is unmapped; before, both were split at once", "eef1b3ba053a thp: implement split_huge_pmd(), 4.5",
         since="4.5"),
    flag("thp_queue_by_group", "each group has a queue of folios to split; before, each node",
         "87eaceb3faa5 mm: thp: make deferred split shrinker memcg aware, 5.4", since="5.4"),
    flag("thp_swap", "a huge page gets its swap slots in a row, before it is split",
         "38d8b4e6bdc8 mm, THP, swap: delay splitting THP during swap out, 4.13", since="4.13"),
    flag("thp_swap_whole", "a huge page is written to swap in one piece",
         "bd4c82c22c36 mm, THP, swap: delay splitting THP after swapped out, 4.14", since="4.14"),
    flag("mthp_swap_whole", "smaller folios are written to swap in one piece",
         "5ed890ce5147 mm: vmscan: avoid split during shrink_folio_list(), 6.10", since="6.10"),
    flag("thp_underused", "huge pages wait on the queue from their fault on, and those that were mostly never written "
         "are split", "dafff3f4c850 mm: split underused THPs, 6.12", since="6.12"),
    flag("thp_local_node", "a huge page comes from the preferred node or not at all", LOCAL, since="4.0", until="5.4"),
    flag("thp_local_first", "a huge page is first asked of the preferred node, without reclaim, then of all if the "
         "caller may reclaim", "cc638f329ef6 mm, thp: tweak reclaim/compaction effort of local-only and all-node "
         "allocations, 5.4", since="5.4"),
    flag("thp_tries_hard", "a huge page for advised memory may take more than one round of reclaim and compaction",
         "25160354b4fc mm, thp: remove __GFP_NORETRY from khugepaged and madvised allocations, 4.8", since="4.8"),
    gap("4.5", "4.15", "the queue of folios to split is asked in proportion to what was scanned; here by priority"),
    gap("6.12", "6.18", "mTHP clusters of swap that are not full are not used again before they are free"),
)  # fmt: skip
