"""Where khugepaged is, what it has found, whose address spaces it goes round."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.khugepaged.settings import KHUGEPAGED_COUNTERS

HUGE_PAGES = 512
# An address space (khugepaged_mm_slot) by task. `entered`: it is on the list; `locked_until`: its mmap lock is held.
MM_SLOT = row(next="i4", prev="i4", entered="i8", locked_until="i8")
# `mm`: the task + 1 whose space is scanned, 0: none; `address`: the word where that goes on. Of the range in hand:
# `unmapped` words of swapped pages, `referenced`, `node_load` pages by node.
SCAN = row(
    mm_slots=LIST, mm="i8", address="i8", wait=WAIT_QUEUE, unmapped="i8", referenced="i8",
    node_load=("i8", (MAX_NODES,)),
)  # fmt: skip

khugepaged_scan = one(199, "khugepaged_scan", SCAN)
mm_slots = table(450, "mm_slots", MM_SLOT)
khugepaged_settings = one(  # ns, pages, ms, 0 or 1
    451, "khugepaged_settings", row(
        on="i8", khugepaged_pages_to_scan="i8", khugepaged_scan_sleep_millisecs="i8",
        khugepaged_alloc_sleep_millisecs="i8", khugepaged_defrag="i8", max_ptes_none="i8", max_ptes_swap="i8",
        khugepaged_pte="i8", khugepaged_collapse="i8", collapse_reads_only="i8",
        collapse_zero_pages="i8", collapse_by_load="i8", collapse_half_young="i8",
        madv_pageout="i8", madv_collapse="i8",
    ),
)  # fmt: skip
khugepaged_count = counts(452, "khugepaged_count", *KHUGEPAGED_COUNTERS)
khugepaged_results = table(453, "khugepaged_results", "i8")  # by result
collapsed_used = table(454, "collapsed_used", "u1")  # of the range in hand, by word: there was a page
