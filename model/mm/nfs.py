"""Pages a file server has but may still lose: they stay under writeback until a COMMIT (fs/nfs/write.c).

COMMIT makes the server write what it has of the file to its disk, and cleans many pages at once. The flusher sends one
when more than half of a file's pages wait for it. To 5.8 the kernel counts such pages as unstable and not as under
writeback.
"""

from model.block.completions import announce
from model.block.disk import write_pages
from model.block.nfs import end_call
from model.block.request import free_request
from model.jit import files, kernel, requests, wbs
from model.layout import NONE
from model.mm.dirty import mark_inode_dirty

CALL, COMMIT = 0, 1  # what of a request `passed` says has been answered


@kernel
def _count_unstable(m, file, pages):
    if not m.cfg.counts_unstable:
        return
    wb = wbs(m)[files(m)[file].wb]
    m.vm.nr_unstable += pages
    m.vm.nr_writeback -= pages
    wb.nr_reclaimable += pages
    wb.nr_writeback -= pages


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
        _count_unstable(m, r.file, -pages)
        return True
    end_call(m, r.disk, r.count, at)
    f.nr_commit += r.count
    _count_unstable(m, r.file, r.count)
    mark_inode_dirty(m, r.file)
    if f.commit_head == 0:
        f.commit_head = number + 1
        return False
    first = requests(m)[f.commit_head - 1]
    last = requests(m)[first.last]
    if last.first + last.count == r.first and last.block + last.count == r.block:
        last.count += r.count
        free_request(m, number)
        return False
    last.chain = number
    first.last = number
    return False


@kernel
def commit(m, file):
    """Send a COMMIT for all that waits for one: the server's disk writes it, run by run."""
    f = files(m)[file]
    if f.commit_head == 0:
        return
    head, d = f.commit_head - 1, m.disks[f.disk]
    line = m.links[d.link]
    asked = m.clock.now + line.rtt // 2
    number, done, pages = head, asked, 0
    while number != NONE:
        r = requests(m)[number]
        if d.server != NONE:
            done = write_pages(m, d.server, done, r.count, r.block)
        pages += r.count
        number = r.chain
    requests(m)[head].passed, requests(m)[head].pages = COMMIT, pages
    f.commit_head = f.nr_commit = 0
    m.vm.nfs_commits += 1
    announce(m, head, done + line.rtt - line.rtt // 2)


@kernel
def commit_if_worth(m, file):
    """What the flusher does when it has visited a file: COMMIT if more than half of its pages wait for one."""
    f = files(m)[file]
    if f.nr_commit > (f.nr_dirty + f.nr_writeback) >> 1:
        commit(m, file)
