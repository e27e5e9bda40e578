"""Disks, requests on their way to them, who waits for them."""

from mmrun.model.block.settings import MAX_MEMBERS, OPEN_BLOCKS
from mmrun.model.core.record import LIST, WAIT_QUEUE, one, row, table

WRITEPAGE_WRITES, WRITEPAGE_KSWAPD, WRITEPAGE_IGNORES = 0, 1, 2  # answers of file systems to reclaim
# For what a write is made, as blk-wbt sees it: the flusher's own business, anybody's, or to let somebody go on.
IO_BACKGROUND, IO_NORMAL, IO_URGENT = 0, 1, 2
DISK_GENERIC, DISK_HDD, DISK_USB, DISK_STRIPE, DISK_NFS, DISK_REMOTE = 0, 1, 2, 3, 4, 5

MAX_IO = 1 << 20  # requests on their way to disks, at most

# A block device, or (DISK_REMOTE, behind those described) a client's end of a swap area on a server; `merges`: adjacent
# writes become one there; `reading`, `nr_reads`, `readers`: its reads that wait, all of them, who waits for a request;
# `session`: its transport's. `sorted` to `reads_first`: its queue; `head` to `open_used`: where a rotating disk or a
# USB stick is; `seeks` and after: what it did; `dma`: its controller + 1, 0: none described; `fs`, `journal`, `stable`:
# its file system's kind, journal + 1, whether pages must hold still while they are written; `elevator`: its reads wait
# in its queue, too; `nr_sync`: of its writes, those of bios; `wbt`: its limits move. Places are 4 KiB blocks, times ns,
# times a page ps.
DISK = row(
    kind="i8", writepage="i8", first_server="i8", parallel="i8",
    read_ns="i8", write_ns="i8", read_page_ps="i8", write_page_ps="i8",
    channel="i8", nr_blocks="i8", fail_from="i8", fail_until="i8", stall_from="i8", stall_until="i8",
    link="i8", server="i8", merges="i8", nr_members="i8", members=("i8", (MAX_MEMBERS,)), chunk="i8",
    sorted="i8", depth="i8", max_pages="i8", nr_requests="i8", nr_plugged="i8", most_writes=("i8", (3,)),
    congestion_on="i8", congestion_off="i8",
    queue=LIST, drive_head="i8", nr_drive="i8", nr_allocated="i8",
    congested="i8", announced="i8", busy_until="i8", next_block="i8", batch="i8", reads_first="i8",
    head="i8", command="i8", revolution="i8", seek_track="i8", seek_average="i8", seek_full="i8", inner_ppm="i8",
    erase_pages="i8", nr_open="i8", open_block=("i8", (OPEN_BLOCKS,)), open_fill=("i8", (OPEN_BLOCKS,)),
    open_used=("i8", (OPEN_BLOCKS,)),
    seeks="i8", seek_ns="i8", reads="i8", writes="i8", merged="i8", pages_read="i8", pages_written="i8",
    busy_ns="i8", wait_ns="i8", write_errors="i8",
    room=WAIT_QUEUE, batching="i8", full="i8", allocation="i8", free_block="i8",
    reading=LIST, nr_reads="i8", readers=WAIT_QUEUE, session="i8", dma="i8",
    fs="i8", journal="i8", stable="i8",
    flushes="i8", flushes_shared="i8", flush_ns="i8", elevator="i8", nr_sync="i8", wbt="i8",
)  # fmt: skip
BATCH = row(left="i8", since="i8")  # an actor's right to requests of a full queue
# See model/block/request.py; `bio`, `steps`: flush.py; `sync`: somebody waits for it; `owner`: actor + 1.
REQUEST = row(
    disk="i4", file="i4", first="i8", count="i4", pages="i4", block="i8", submitted="i8", next="i4", prev="i4",
    chain="i4", last="i4", passed="i4", failed="i4", read="i4", maps="i4", unmapped="i4",
    bio="i4", steps="i4", sync="i4", owner="i4",
)  # fmt: skip
IO = row(at="i8", seq="i8", what="i8")
# A disk's write cache and its flushes. `pages`: what it holds, 0: no volatile cache; `fua`: writes may go past it;
# `lazy`: nothing leaves it but by a flush; `queued`: a flush runs beside other commands; `flush_ns`, `clean_ns`: what a
# flush takes beside what is dirty, and when nothing was accepted since the last; `page_ps`: a page's way to the medium;
# `dirty_ps`, `as_of`: work left in the cache, and when. Numbers of writes (flush.py): `accepted`, of the last one;
# `durable`, up to which all are on the medium; `covers`, `flushed`, of the flush under way and the last one;
# `taken_ps`: work that it found. `pending`, `running`: requests that wait for the next flush, for this one;
# `data_steps`: sequences whose data is on its way; `since`: when the first of the pending came (ns).
WRITE_CACHE = row(
    pages="i8", fua="i8", lazy="i8", queued="i8", flush_ns="i8", clean_ns="i8", page_ps="i8", dirty_ps="i8", as_of="i8",
    accepted="i8", durable="i8", covers="i8", flushed="i8", taken_ps="i8", flushing="i8", data_steps="i8", since="i8",
    pending=LIST, running=LIST,
)  # fmt: skip
# What an elevator keeps of a disk. `batch`: requests in a row of one direction, `writing`: which; `leads`: whether
# others lay ahead when the last one went, a bit each of reads and writes; `starved`: times that reads went first while
# writes waited; `read_block`: behind the last read. `active`: the owner whose slice it is, or
# ASYNC, `last`: the one before; `slice_end`, `idle_until`, `timer`: of it, of waiting for its next request, when
# somebody looks (ns); `turn_async`: the next slice is that of writes; `sync_flight`, `async_flight`: requests that the
# drive has; `last_delayed`: when one that somebody waited for ended late (ns).
ELEVATOR = row(
    batch="i8", writing="i8", leads="i8", starved="i8", read_block="i8", active="i8", last="i8", slice_end="i8",
    idle_until="i8", timer="i8", turn_async="i8", sync_flight="i8", async_flight="i8", last_delayed="i8",
)  # fmt: skip
# blk-wbt of a disk: `step`, 0: its usual depth, above: less; `at_most`: it cannot grow; `goal`: of the least latency of
# a window (ns); `depth`: of the device's queue; what was seen in the window that ends at `ends`; `unknown`: windows
# that said too little.
WBT = row(step="i8", at_most="i8", goal="i8", depth="i8", ends="i8", reads="i8", writes="i8", least="i8", unknown="i8")
BIO = row(left="i8", failed="i8", next="i8", done=WAIT_QUEUE)  # requests of it that have not ended; who waits

disks = table(140, "disks", DISK)
requests = table(141, "requests", REQUEST)
io_heap = table(142, "io", IO)
batches = table(144, "batches", BATCH)
write_caches = table(93, "write_caches", WRITE_CACHE)  # by disk
wbts = table(99, "wbts", WBT)  # by disk
bios = table(94, "bios", BIO)
# Requests in use and on their way; `free_request`: head of the list of free rows.
block_state = one(
    146, "block_state", row(
        io_seq="i8", nr_io="i8", free_request="i8", request_rows="i8", nr_requests="i8", sequence="i8",
        free_bio="i8", bio_rows="i8", sync="i8",
    ),
)  # fmt: skip
elevators = table(96, "elevators", ELEVATOR)  # by disk
block_settings = one(95, "block_settings", row(fsync_flushes="i8", queues_reads="i8"))
