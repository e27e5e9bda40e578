"""Dirty pages on their way to disks: backing devices, flushers; and dirty throttling."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.mm.writeback.settings import WRITEBACK_COUNTERS

# The file at hand of whoever writes dirty pages, and where in it: between slots `index` and `stop`.
# `own` to `candidate_pages`: pages written so far by the group they belong to (model/mm/writeback/foreign.py).
JOB = row(
    inode="i8", chunk="i8", nr_to_write="i8", index="i8", stop="i8", wrapped="i8",
    own="i8", last_winner="i8", last_pages="i8", candidate="i8", candidate_pages="i8",
)  # fmt: skip
# A backing device. `min_ratio`, `max_ratio` in 1/10000 percent (BDI_RATIO_SCALE). Its wbs are adjacent rows.
BDI = row(first_disk="i8", nr_disks="i8", min_ratio="i8", max_ratio="i8", strictlimit="i8", first_wb="i8", nr_wbs="i8")
# Dirty pages of a backing device (with cgroup writeback: those of one group). Stamps in jiffies, bandwidths and rates
# in pages a second; `events`, `period`: its part of the pages written lately, globally and in its group's domain.
WB = row(
    bdi="i8", memcg="i8", nr_reclaimable="i8", nr_writeback="i8", nr_dirtied="i8", nr_written="i8",
    bw_time_stamp="i8", dirtied_stamp="i8", written_stamp="i8", write_bandwidth="i8", avg_write_bandwidth="i8",
    dirty_ratelimit="i8", balanced_dirty_ratelimit="i8", dirty_exceeded="i8", events="i8", period="i8",
    memcg_events="i8", memcg_period="i8", writeback_inodes="i8", bw_due="i8",
    # its flusher: dirty files by list (see model/mm/writeback/inodes.py), where it rests, what it is asked for and does
    inodes=(LIST, (4,)), nr_writing="i8", dwork=WAIT_QUEUE, asked="i8", start_all="i8",
    last_periodic="i8", work="i8", dirty_sleep="i8",
)  # fmt: skip
# What limits apply to (struct wb_domain): row 0 the machine, row g group g. `events`, `period`, `period_at`: completed
# writes in all, the number of the current period, the jiffy it ends (0: the timer rests). `wb`: which of a device's wbs
# is the group's.
WB_DOMAIN = row(
    dirty_limit="i8", dirty_limit_tstamp="i8", events="i8", period="i8", period_at="i8", nr_dirty="i8",
    nr_writeback="i8", wb="i8", foreign_wb=("i8", (4,)), foreign_at=("i8", (4,)),
)  # fmt: skip
# What one call of balance_dirty_pages sees of a domain (struct dirty_throttle_control).
DTC = row(
    domain="i8", avail="i8", dirty="i8", thresh="i8", bg_thresh="i8", wb_dirty="i8", wb_thresh="i8", wb_bg_thresh="i8",
    pos_ratio="i8",
)  # fmt: skip
PROP = row(shift="i8", events="i8")  # a floating proportion's global side (lib/proportions.c, to 3.5)

bdis = table(80, "bdis", BDI)
wbs = table(81, "wbs", WB)
wb_domains = table(82, "wb_domains", WB_DOMAIN)
dtcs = table(83, "dtcs", DTC)  # two an actor: of the machine, of the group
jobs = table(91, "jobs", JOB)
dirty_tags = table(84, "dirty_tags", "i1")
on_disk = table(85, "on_disk", "i8")
extents = table(92, "extents", "i8")
vm_completions = one(86, "vm_completions", PROP)
vm_dirties = one(87, "vm_dirties", PROP)
# The flushers' settings: sysctls in hundredths of a second, `dirty_page` in ns, the era's ways 0 or 1.
writeback_settings = one(
    88, "writeback_settings", row(
        start_all="i8", fixed_chunk="i8", writeback_bump="i8", counts_unstable="i8", commits_visits="i8",
        one_commit="i8", cgroup_writeback="i8",
        dirty_writeback_centisecs="i8", dirty_expire_centisecs="i8",
        background_by_device="i8", bw_on_completion="i8", dirty_page="i8",
    ),
)  # fmt: skip
# The limits: sysctls in percent or bytes, pages, ns (`balance_dirty`); how the era counts, 0 or 1.
dirty_settings = one(
    89, "dirty_settings", row(
        bdi_min_ratio="i8", totalreserve="i8", ratelimit_pages="i8", dirty_ratio="i8", dirty_background_ratio="i8",
        dirty_bytes="i8", dirty_background_bytes="i8", balance_dirty="i8", dirty_anon="i8", dirty_reserve_of_free="i8",
        dirty_units="i8", flexible_proportions="i8", pos_clamp="i8", floor_in_share="i8", timer_wheel="i8",
    ),
)  # fmt: skip
writeback_count = counts(90, "writeback_count", *WRITEBACK_COUNTERS)
