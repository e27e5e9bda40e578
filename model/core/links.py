"""Doubly linked lists by row number (list.h): a list has `head`, `tail`, `n`, a row of links `next` and `prev`."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE


@kernel
def link_head(links, lst, at):
    """Make row `at` of a table of links the newest of list `lst`."""
    links[at].prev, links[at].next = NONE, lst.head
    if lst.head == NONE:
        lst.tail = at
    else:
        links[lst.head].prev = at
    lst.head = at
    lst.n += 1


@kernel
def link_tail(links, lst, at):
    """Make row `at` of a table of links the oldest of list `lst`."""
    links[at].next, links[at].prev = NONE, lst.tail
    if lst.tail == NONE:
        lst.head = at
    else:
        links[lst.tail].next = at
    lst.tail = at
    lst.n += 1


@kernel
def link_after(links, lst, before, at):
    """Put row `at` of a table of links behind row `before` of list `lst`."""
    after = links[before].next
    links[at].prev, links[at].next, links[before].next = before, after, at
    if after == NONE:
        lst.tail = at
    else:
        links[after].prev = at
    lst.n += 1


@kernel
def link_before(links, lst, after, at):
    """Put row `at` of a table of links before row `after` of list `lst`: on its newer side."""
    before = links[after].prev
    links[at].prev, links[at].next, links[after].prev = before, after, at
    if before == NONE:
        lst.head = at
    else:
        links[before].next = at
    lst.n += 1


@kernel
def unlink_row(links, lst, at):
    """Take row `at` of a table of links off list `lst`."""
    before, after = links[at].prev, links[at].next
    if before == NONE:
        lst.head = after
    else:
        links[before].next = after
    if after == NONE:
        lst.tail = before
    else:
        links[after].prev = before
    lst.n -= 1
