"""Queues of requests: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, number, since

DATED: Dated = (
    axis("elevator", always("reads-first", "reads are served at once, block/deadline-iosched.c, 3.1, for writes")),
    flag("blk_mq", "requests are tags, no queue is ever marked congested",
         "block: remove legacy rq tagging, 5.0", since="5.0"),
    flag("wbt", "blk-wbt limits the writes of a queue",
         "CONFIG_BLK_WBT_MQ, on by default with blk-mq alone; blk-wbt came with 4.10", since="5.0"),
    flag("fsync_flushes", "fsync of a file on a disk without a file system flushes the disk's write cache",
         "ab0a9735e069 blkdev: flush disk cache on ->fsync, 2.6.33", since="2.6.33"),
    number(
        "max_sectors_kib", "largest request in KiB (BLK_DEF_MAX_SECTORS)",
        always(512, "include/linux/blkdev.h, 3.1"),
        since("4.3", 1280, "d2be537c3ba3 block: bump BLK_DEF_MAX_SECTORS to 2560, 13 August 2015", "4.2 or 4.3"),
    ),
    gap("3.13", "4.20", "some drivers (NVMe since 3.19) have blk-mq queues; here none has"),
    gap("3.19", "4.2", "requests may be as large as the hardware allows, here 512 KiB"),
    gap("6.17", "6.18", "the largest request is 4 MiB (9b8b84879d4a block: Increase BLK_DEF_MAX_SECTORS_CAP), as far "
        "as a controller's number of segments allows, which is not modelled; here 1280 KiB as before"),
)  # fmt: skip
