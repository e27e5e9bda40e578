"""Pools of huge pages: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, gap, number, since, sysctl

DATED: Dated = (
    sysctl("nr_hugepages", always(0, "mm/hugetlb.c: max_huge_pages")),
    sysctl("nr_overcommit_hugepages", always(0, "mm/hugetlb.c: nr_overcommit_huge_pages, 2.6.24")),
    flag("hugetlb_movable", "huge pages of a pool are allocated as movable, as they can be migrated",
         "86cdb465cf3a mm: prepare to remove /proc/sys/vm/hugepages_treat_as_movable, 3.12", since="3.12"),
    flag("hugetlb_gives_up", "after a failed page of a round a node is no longer tried hard for the others",
         "f60858f9d327 hugetlbfs: don't retry when pool page allocations start to fail, 5.4", since="5.4"),
    number(
        "hugetlb_vmemmap_kept", "pages of struct page that a huge page keeps (hugetlb_optimize_vmemmap)",
        always(0, "there was no such thing: all are kept"),
        since("5.14", 2, "mm: hugetlb: free the vmemmap pages associated with each HugeTLB page, 5.14"),
        since("5.19", 1, "mm: hugetlb_vmemmap: 7 of 8 pages freed", unsure="5.16 to 5.19"),
    ),
    gap("3.16", "6.18", "gigantic pages can be allocated at run time, here at boot only"),
)  # fmt: skip
