"""Tasks, their address spaces and files, and what a fault needs."""

from mmrun.model.core.record import WAIT_QUEUE, counts, one, row, table
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.task.settings import FAULT_COUNTERS, FILEMAP_COUNTERS

# Page-table word: PRESENT | YOUNG | DIRTY | frame << 3, and the sign bit for write-protected; absent: slot + 1 << 3.
PTE_PRESENT, PTE_YOUNG, PTE_DIRTY, PTE_SHIFT = 1, 2, 4, 3
PTE_FLAGS = PTE_PRESENT | PTE_YOUNG | PTE_DIRTY  # which tell the kinds of words apart (model/mm/task/words.py)
PTE_WRPROTECT = -(1 << 31)
PTE_FRAME = (1 << 28) - 1
NOBODY = -1  # owner of an anonymous page that outlived its task, because it was being written

REGION_ANON, REGION_MMAP, REGION_READ, REGION_SLAB, REGION_HUGETLB = 0, 1, 2, 3, 4
ADVICE_NORMAL, ADVICE_RANDOM, ADVICE_SEQUENTIAL = 0, 1, 2

EVERY_NODE = -1  # of `switched_in`: bits of nodes where no walk has taken note of it yet (mm->lru_gen.bitmap)
LATENCY_BUCKETS = 160  # four to an octave, from 1 ns to 36 minutes

REGION = row(  # `start`: first page-table word; `first`: first page of the task
    start="i8", npages="i8", first="i8", kind="i8", file="i8", file_offset="i8", mm="i8", readahead="i8",
    fault_around="i8", advice="i8", huge="i8", ra_start="i8", ra_count="i8", ra_async="i8", ra_order="i8",
    prev_page="i8", mmap_miss="i8",
    swap_prev="i8", swap_hits="i8", swap_win="i8", exec="i8", next_of_file="i8", file_pages="i8",
)  # fmt: skip
FILE = row(
    start="i8", npages="i8", disk="i8", nr_cached="i8", nr_dirty="i8", nr_writeback="i8", first_region="i8",
    nr_regions="i8", wb="i8", first_block="i8", extent="i8", next="i4", prev="i4", on="i8", dirtied_when="i8",
    writeback_index="i8", error="i8", written=WAIT_QUEUE, commit_head="i8", nr_commit="i8", newest_call="i8",
    committing="i8", sparse="i8", grown="i8", reserved="i8", window="i8",
    foreign_winner="i8", foreign_time="i8", foreign_history="i8",
    max_order="i8",  # of its folios; 0: its file system has single pages only
)  # fmt: skip
TASK = row(
    time="i8", state="i8", cpu="i8", node="i8", memcg="i8", pte_start="i8", first_region="i8", nr_regions="i8",
    npages="i8", mode="i8", mask="i8", home="i8", weights=("i4", (MAX_NODES,)), il_node="i8",
    il_weight="i8", think="i8", pos="i8", filled="i8", exhausted="i8", touched=("i8", (MAX_NODES,)),
    booked=("i8", (MAX_NODES,)), over_high="i8", next_of_group="i8", walked=("i8", (MAX_NODES,)), switched_in="i8",
    nofs="i8", stays="i8", oom_score_adj="i8", tlb_until="i8", killed="i8",
    nr_dirtied="i8", nr_dirtied_pause="i8", dirty_paused_when="i8",  # pages, pages, jiffies
    # `balance_wb`: wb + 1 whose page it has dirtied in this event; `redirtied`: pages of it that were dirty already.
    balance_wb="i8", redirtied="i8", dirties_events="i8", dirties_period="i8",
)  # fmt: skip
LATENCY = row(calls=("i4", (4, LATENCY_BUCKETS)))  # how long a task's calls took, by kind (model/mm/task/calls.py)

tasks = table(160, "tasks", TASK)
regions = table(161, "regions", REGION)
files = table(162, "files", FILE)
pte = table(163, "pte", "i4")
ptpage = table(164, "ptpage", "i4")
cache = table(165, "cache", "i8")
xanode = table(166, "xanode", "i1")
stream = table(167, "stream", "i8")
missed = table(168, "missed", "i1")
tlb = table(169, "tlb", "u1")
latencies = table(170, "latencies", LATENCY)
stalled_before = table(171, "stalled_before", "i8")
fault_settings = one(  # `minor_fault_*` in ns; the era's ways 0 or 1; a frame
    173, "fault_settings", row(
        minor_fault_anon="i8", minor_fault_file="i8", anon_exclusive="i8", swapin_writable="i8", recency_by_advice="i8",
        readahead_by_order="i8", readahead_nofs="i8", read_as_readahead="i8", zero_page="i8", zero_pfn="i8",
        marks_by_folio="i8", mark_rounds_down="i8", order_1_folios="i8", zap_by_folio="i8", maps_whole_folios="i8",
    ),
)  # fmt: skip
fault_count = counts(174, "fault_count", *FAULT_COUNTERS)
filemap_count = counts(175, "filemap_count", *FILEMAP_COUNTERS)
