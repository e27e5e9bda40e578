"""Dirty files on their wb's lists, oldest first: b_dirty by the time they became dirty, b_io, b_more_io (fs/inode.c).

A file is on one of them, being written (WRITING), or on none while it is clean.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_after, link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.state import wbs

B_DIRTY, B_IO, B_MORE_IO, WRITING = 1, 2, 3, 4  # what `on` of a file says; 0: on no list
IDLE, ASKED, ALL, PERIODIC, BACKGROUND = 0, 1, 2, 3, 4  # what a flusher works at, in the order of a round
FOREIGN_FLUSH = 5  # why it does what it is asked for, if not for reclaim


@kernel
def add_inode(m, file, which):
    """Put the file at the end of a list."""
    files(m)[file].on = which
    link_tail(files(m), wbs(m)[files(m)[file].wb].inodes[which], file)


@kernel
def del_inode(m, file):
    """Take the file off its list."""
    unlink_row(files(m), wbs(m)[files(m)[file].wb].inodes[files(m)[file].on], file)
    files(m)[file].on = 0


@kernel
def has_dirty_io(m, w):
    """Whether the wb has a dirty file (wb_has_dirty_io); one that is being written stays on b_io (I_SYNC)."""
    lists = wbs(m)[w].inodes
    return lists[B_DIRTY].n + lists[B_IO].n + lists[B_MORE_IO].n + wbs(m)[w].nr_writing > 0


@kernel
def insert_by_age(m, file):
    """Put the file on b_dirty behind those that became dirty no later than it."""
    lst, at = wbs(m)[files(m)[file].wb].inodes[B_DIRTY], wbs(m)[files(m)[file].wb].inodes[B_DIRTY].tail
    while at != NONE and files(m)[at].dirtied_when > files(m)[file].dirtied_when:
        at = files(m)[at].prev
    if at == NONE:
        link_head(files(m), lst, file)
    else:
        link_after(files(m), lst, at, file)
    files(m)[file].on = B_DIRTY


@kernel
def redirty_tail(m, file):
    """A file that stays dirty joins b_dirty anew; a younger one before it makes it young (redirty_tail)."""
    f, wb = files(m)[file], wbs(m)[files(m)[file].wb]
    last = wb.inodes[B_DIRTY].tail
    if last != NONE and f.dirtied_when < files(m)[last].dirtied_when:
        f.dirtied_when = m.now
    add_inode(m, file, B_DIRTY)


@kernel
def move_expired(m, w, older_than):
    """Queue what is left from before, then the files that became dirty no later than `older_than` (queue_io).

    How many of them. In the kernel: move_expired_inodes.
    """
    lists, moved = wbs(m)[w].inodes, 0
    while lists[B_MORE_IO].n:
        file = lists[B_MORE_IO].head
        del_inode(m, file)
        add_inode(m, file, B_IO)
    while lists[B_DIRTY].n and files(m)[lists[B_DIRTY].head].dirtied_when <= older_than:
        file = lists[B_DIRTY].head
        del_inode(m, file)
        add_inode(m, file, B_IO)
        moved += 1
    return moved
