"""Pages of a group that are dirty in files of other groups: whom to ask to write them when it is throttled (5.4).

A group remembers four wbs. What its pages in other groups' files hold back only those groups' flushers can write, and
these may see no reason to. Source: mem_cgroup_track_foreign_dirty, mem_cgroup_flush_foreign, mm/memcontrol.c, 5.4 on;
cgroup_writeback_by_id, fs/fs-writeback.c.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.writeback.inodes import ASKED
from mmrun.model.mm.writeback.state import wb_domains, wbs, writeback_settings

RECORDS = 4  # MEMCG_CGWB_FRN_CNT


@kernel
def in_flight(m, w):
    """Whether the wb's flusher is at work on request, or will be."""
    return wbs(m)[w].asked > 0 or wbs(m)[w].work == ASKED


@kernel
def track_foreign_dirty(m, w, memcg):
    """A page of group `memcg` became dirty in a file of wb `w`; what is remembered lasts until dirty pages expire."""
    now, group = jiffies(m), wb_domains(m)[memcg]
    oldest, oldest_at = -1, now
    for i in range(RECORDS):
        if group.foreign_wb[i] == w + 1:
            refresh = min(geometry(m).hz, writeback_settings(m).dirty_expire_centisecs * geometry(m).hz // 800)
            if group.foreign_at[i] < now - refresh:
                group.foreign_at[i] = now
            return
        free = group.foreign_wb[i] == 0 or not in_flight(m, group.foreign_wb[i] - 1)
        if group.foreign_at[i] < oldest_at and free:
            oldest, oldest_at = i, group.foreign_at[i]
    if oldest >= 0:
        group.foreign_wb[oldest], group.foreign_at[oldest] = w + 1, now


@kernel
def foreign_due(m, memcg, i):
    """The wb of record `i`, if it is to write pages of group `memcg` now; then the record is empty. Else NONE."""
    group, now = wb_domains(m)[memcg], jiffies(m)
    w, expires = (
        group.foreign_wb[i] - 1,
        group.foreign_at[i] + writeback_settings(m).dirty_expire_centisecs * geometry(m).hz // 100,
    )
    if group.foreign_at[i] == 0 or expires <= now or in_flight(m, w):
        return NONE
    group.foreign_at[i] = 0
    return w
