"""Pages a file server has but may still lose: they stay under writeback until a COMMIT (fs/nfs/write.c).

COMMIT makes the server write what it has of the file to its disk, and cleans many pages at once. The flusher sends one
when more than half of a file's pages wait for it; since 4.13 one follows as soon as all calls of a visit to the file
are answered. To 5.7 the kernel counts such pages as unstable and not as under writeback.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.nfs import end_call
from mmrun.model.block.request import free_request
from mmrun.model.block.serving import write_pages
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import links
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.dirty import mark_inode_dirty
from mmrun.model.mm.writeback.state import wbs, writeback_count, writeback_settings

CALL, COMMIT, LAST_CALL = 0, 1, 2  # what `passed` says a request is; a visit's last call is followed by a COMMIT


@kernel
def _count_unstable(m, file, pages):
    if not writeback_settings(m).counts_unstable:
        return
    wb = wbs(m)[files(m)[file].wb]
    writeback_count(m).nr_unstable += pages
    writeback_count(m).nr_writeback -= pages
    wb.nr_reclaimable += pages
    wb.nr_writeback -= pages


@kernel
def _keep(m, f, number):
    """The server has the pages of a request: they wait for a COMMIT with the file's others."""
    r = requests(m)[number]
    r.passed = CALL
    if f.commit_head == 0:
        f.commit_head = number + 1
        return
    first = requests(m)[f.commit_head - 1]
    last = requests(m)[first.last]
    if last.first + last.count == r.first and last.block + last.count == r.block:
        last.count += r.count
        free_request(m, number)
        return
    last.chain = number
    first.last = number


@kernel
def commit(m, file, at):
    """Send a COMMIT at time `at` for all that waits for one: the server's disk writes it, run by run."""
    f = files(m)[file]
    if f.commit_head == 0 or (writeback_settings(m).one_commit and f.committing):
        return
    f.committing += 1
    head, d = f.commit_head - 1, disks(m)[f.disk]
    line = links(m)[d.link]
    asked = at + line.rtt // 2
    number, done, pages = head, asked, 0
    while number != NONE:
        r = requests(m)[number]
        if d.server != NONE:
            done = write_pages(m, d.server, done, r.count, r.block)
        pages += r.count
        number = r.chain
    requests(m)[head].passed, requests(m)[head].pages = COMMIT, pages
    f.commit_head = f.nr_commit = 0
    writeback_count(m).nfs_commits += 1
    announce(m, head, done + line.rtt - line.rtt // 2)


@kernel
def answered(m, number, at):
    """The server has answered: False, and the pages wait for a COMMIT, or True when this was the answer to one."""
    r = requests(m)[number]
    f = files(m)[r.file]
    if r.passed == COMMIT:
        pages = 0
        while number != NONE:
            pages += requests(m)[number].count
            number = requests(m)[number].chain
        f.committing -= 1
        _count_unstable(m, r.file, -pages)
        return True
    file, visited = r.file, r.passed == LAST_CALL
    end_call(m, r.disk, r.count, at)
    if f.newest_call == number + 1:
        f.newest_call = 0
    f.nr_commit += r.count
    _count_unstable(m, file, r.count)
    mark_inode_dirty(m, file)
    _keep(m, f, number)
    if visited:
        commit(m, file, at)
    return False


@kernel
def end_visit(m, file):
    """What the flusher does about COMMIT when it has visited a file (nfs_write_inode; nfs_writepages since 4.13)."""
    f = files(m)[file]
    if not writeback_settings(m).commits_visits:
        if f.nr_commit > (f.nr_dirty + f.nr_writeback) >> 1:
            commit(m, file, m.now)
    elif f.newest_call:
        requests(m)[f.newest_call - 1].passed = LAST_CALL
    else:
        commit(m, file, m.now)
