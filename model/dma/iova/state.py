"""Addresses of domains: ranges in trees and bitmaps, CPUs' magazines, queues of what awaits a flush, locks."""

from mmrun.model.core.calendar import BOOKED
from mmrun.model.core.record import counts, one, row, table
from mmrun.model.dma.iova.settings import IOVA_COUNTERS

TOP_32BIT = 1 << 20  # pages below 4 GiB: dma_32bit_pfn
ANCHOR = 1 << 62  # page number of the node above all others (IOVA_ANCHOR)
BINS = 6  # ranges of 1, 2, up to 4, 8, 16, 32 pages are kept in magazines (IOVA_RANGE_CACHE_MAX_SIZE)
MAGAZINE = 128  # entries that a magazine has room for
RING, SINGLE_QUEUE = 256, 32_768  # entries of a CPU's flush queue, of the single one; one of them stays empty
GLOBAL_QUEUE = 250  # HIGH_WATER_MARK
PER_CPU, SINGLE, GLOBAL, NEED_FLUSH, AT_ONCE = range(5)  # IOVA_DOMAIN.queue
TREE_LOCK, QUEUE_LOCK, DEPOT_LOCK, LOCKS = 0, 1, 2, 8  # of a domain; a depot lock each bin
CALENDAR = 4096  # slots of each lock's calendar: 2 ms

# A domain's addresses (struct iova_domain). `start`: lowest page number; `cached32`, `cached`: nodes that searches go
# down from, below 4 GiB and at all; `max32`: ranges of so many pages are not to be had below 4 GiB; `ranges`: in the
# tree; `queue`: where unmapped ranges wait; `started`, `finished`: flushes (fq_flush_start_cnt, fq_flush_finish_cnt);
# `armed`: the timer runs, until `due`; `pending`: ranges in its queues, `stale`: pages freed since the last flush;
# `work_due`: when each depot is looked at next, 0: it is not; `timer`, `worker`: actors. `live`: ranges, `live_pages`:
# pages of them, that were given out and have not come back; `reserved`: ranges, of bitmaps pages, that never are given.
# Bitmaps: `bits`: set in it, `opened`: pages of the apertures there are, `next`: where the next search begins,
# `need_flush`: translations of what was freed must go first. `lowest`: node of the lowest range; `anchored`: searches
# always have a node to begin at.
IOVA_DOMAIN = row(
    start="i8", cached32="i8", cached="i8", max32="i8", ranges="i8", queue="i8", started="i8", finished="i8",
    armed="i8", due="i8", pending="i8", stale="i8", timer="i8", worker="i8", work_due=("i8", (BINS,)),
    bits="i8", opened="i8", next="i8", need_flush="i8", lowest="i8", live="i8", live_pages="i8",
    reserved="i8", anchored="i8",
)  # fmt: skip
iova_domains = table(363, "iova_domains", IOVA_DOMAIN)
# A range in a tree, or a free row. `below`, `above`: its neighbours; `same`: the next row + 1 with the same hash. The
# first rows are the domains' anchors.
iovas = table(364, "iovas", row(lo="i8", hi="i8", below="i4", above="i4", same="i4", domain="i4"))
iova_heads = table(365, "iova_heads", "i4")  # by hash of domain and `lo`: row + 1
magazines = table(366, "magazines", row(n="i8", next="i4", bin="i4", pfn=("i8", (MAGAZINE,))))
# By domain, CPU and bin: rows + 1 of the two magazines (struct iova_cpu_rcache).
iova_rcaches = table(417, "iova_rcaches", row(loaded="i4", prev="i4"))
iova_depots = table(418, "iova_depots", row(head="i4", n="i4"))  # by domain and bin: full magazines, the last first
# An entry of a flush queue: `counter`: flushes begun before it; `tables`: page tables that may still be read.
FQ_ENTRY = row(iova="i8", counter="i8", domain="i4", pages="i4", tables="i4", cpu="i4")
fq_entries = table(419, "fq_entries", FQ_ENTRY)
fq_rings = table(420, "fq_rings", row(first="i8", slots="i8", head="i8", tail="i8"))  # by domain and CPU; + 1 shared
WORD = 32  # pages of a word
iova_words = table(421, "iova_words", "i8")  # bitmaps: by domain and 32 pages
iova_locks = table(422, "iova_locks", row(cpu="i8", busy_ns="i8", wait_ns="i8"))  # `cpu` + 1 that had it last
iova_calendars = table(423, "iova_calendars", BOOKED)
# Rows of `iovas` and `magazines` that are free (row + 1, 0: none), and those never used.
iova_pool = one(424, "iova_pool", row(free="i8", used="i8", free_magazine="i8", used_magazines="i8"))
# Filled by name: costs (ns), ways of the version. `domains`: how many there are; `words`: of each bitmap; `heads`: of
# the hash.
iova_settings = one(425, "iova_settings", row(
    iova_alloc="i8", iova_step="i8", iova_level="i8", iova_free="i8", iova_cache="i8", iova_word="i8", fq_entry="i8",
    line_same_core="i8", line_same_node="i8", line_cross_node="i8", iova_natural_size="i8", iova_32bit_workaround="i8",
    fq_per_cpu="i8", domains="i8", words="i8", heads="i8",
))  # fmt: skip
iova_count = counts(426, "iova_count", *IOVA_COUNTERS)
