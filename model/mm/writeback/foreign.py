"""Whose file it is: with cgroup writeback a file belongs to the wb of one group; a majority of writes can move it.

Each time a flusher has written some of a file, the group that most of the pages belonged to has won the round: the
owner, the last winner, or the candidate of a majority vote (Boyer and Moore). By the device's time that these pages
took, the round fills up to five of the sixteen slots of a history of two seconds. With more than eight slots lost the
file moves. Rounds of less than an eighth of their mean time do not count.
Source: wbc_account_cgroup_owner, wbc_detach_inode, inode_do_switch_wbs in fs/fs-writeback.c, 4.2 on.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.writeback.inodes import WRITING, del_inode, insert_by_age
from mmrun.model.mm.writeback.state import bdis, wb_domains, wbs, writeback_count

SECOND = 1 << 13  # WB_FRN_TIME_SHIFT
SLOTS = 16
SLOT = 2 * SECOND // SLOTS
THRESHOLD = SLOTS // 2
MOST_SLOTS = THRESHOLD // 2 + 1
LONGEST = (1 << 16) - 1  # the mean is kept in 16 bits
NOBODY = -1


@kernel
def begin_count(job, f):
    """A flusher turns to file `f`: nothing is counted yet (wbc_attach_and_unlock_inode)."""
    job.last_winner, job.candidate = f.foreign_winner - 1, NOBODY
    job.own = job.last_pages = job.candidate_pages = 0


@kernel
def count_owner(job, owner, memcg):
    """A page of group `memcg` is written, of a file that belongs to group `owner` (wbc_account_cgroup_owner)."""
    if memcg == owner:
        job.own += 1
        return
    if memcg == job.last_winner:
        job.last_pages += 1
    if job.candidate_pages == 0:
        job.candidate = memcg
    job.candidate_pages += 1 if memcg == job.candidate else -1


@kernel
def count_owners(m, job, index, count):
    """The pages in `count` slots from `index` on were sent."""
    owner = wbs(m)[files(m)[job.inode].wb].memcg
    for i in range(index, index + count):
        count_owner(job, owner, frames(m)[folio_of(m, cache(m)[i] - 1)].memcg)


@kernel
def winner_of(job, owner):
    """(group that won the round, pages of it)."""
    if job.own >= job.last_pages and job.own >= job.candidate_pages:
        return owner, job.own
    if job.last_pages >= job.candidate_pages:
        return job.last_winner, job.last_pages
    return job.candidate, job.candidate_pages


@kernel
def lost_slots(history):
    """Slots of the history in which another group than the owner won."""
    lost = 0
    for slot in range(SLOTS):
        lost += history >> slot & 1
    return lost


@kernel
def judge(f, job, owner, bandwidth):
    """Fold a round into file `f`'s history: the group that the file should belong to. `bandwidth`: pages a second."""
    winner, pages = winner_of(job, owner)
    took, mean = -(-pages * SECOND // bandwidth), f.foreign_time
    mean = mean + (took >> 3) - (mean >> 3) if mean else took
    verdict = owner
    if took >= mean // 8:
        slots = min(-(-took // SLOT), MOST_SLOTS)
        lost = (1 << slots) - 1 if winner != owner else 0
        f.foreign_history = (f.foreign_history << slots | lost) & ((1 << SLOTS) - 1)
        if lost_slots(f.foreign_history) > THRESHOLD:
            verdict = winner
    f.foreign_winner, f.foreign_time = winner + 1, min(mean, LONGEST)
    return verdict


@kernel
def owner_by_majority(m, job, file):
    """The group that the file should belong to, after a flusher wrote some of it (wbc_detach_inode)."""
    wb = wbs(m)[files(m)[file].wb]
    return judge(files(m)[file], job, wb.memcg, max(1, wb.avg_write_bandwidth))


@kernel
def switch_wb(m, file, memcg):
    """Move the file with its dirty pages and those under writeback to the wb of another group (inode_do_switch_wbs)."""
    f = files(m)[file]
    old = wbs(m)[f.wb]
    listed = f.on and f.on != WRITING
    if listed:
        del_inode(m, file)
    w = bdis(m)[old.bdi].first_wb + wb_domains(m)[memcg].wb
    new = wbs(m)[w]
    for wb, sign in ((old, -1), (new, 1)):
        wb.nr_reclaimable += sign * f.nr_dirty
        wb.nr_writeback += sign * f.nr_writeback
        wb.writeback_inodes += sign if f.nr_writeback else 0
    f.wb, f.foreign_winner, f.foreign_time, f.foreign_history = w, 0, 0, 0
    writeback_count(m).inode_switch_wbs += 1
    if listed:
        insert_by_age(m, file)
