"""Requests: runs of adjacent pages on their way to a disk (struct request with its bios).

A row is a run of `count` page-cache slots of a file from `first` on, or of swap slots where `file` is NONE. Pages under
writeback cannot leave the page cache or the swap cache, so at completion they are found there. Where runs are adjacent
on the disk but not in the file (a stripe, fragments), the rows of one request form a chain through `chain`. What a disk
controller has mapped for a request stands in `maps` of its first row (model/dma/mapping).
"""

from mmrun.model.block.state import block_state, requests
from mmrun.model.core.codes import BAD_IO
from mmrun.model.core.jit import kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn


@kernel
def new_request(m, disk, file, first, count, block):
    """A row for `count` pages from slot `first` on, to be written at `block` of `disk`; NONE if the table is full."""
    number = block_state(m).free_request - 1
    if number >= 0:
        block_state(m).free_request = requests(m)[number].next
    else:
        number = block_state(m).request_rows
        if number >= len(requests(m)):
            panic(m, BAD_IO, first)
            return NONE
        block_state(m).request_rows += 1
    r = requests(m)[number]
    r.disk, r.file, r.first, r.count, r.block = disk, file, first, count, block
    r.pages, r.chain, r.last, r.next, r.prev = count, NONE, number, NONE, NONE
    r.submitted, r.passed, r.failed, r.read = m.now, 0, 0, 0
    r.maps = r.unmapped = r.bio = r.steps = 0
    r.sync, r.owner = block_state(m).sync, turn(m).actor + 1
    block_state(m).nr_requests += 1
    return number


@kernel
def free_request(m, number):
    """Give one row back; its successor in the chain."""
    r = requests(m)[number]
    r.next = block_state(m).free_request
    block_state(m).free_request = number + 1
    block_state(m).nr_requests -= 1
    return r.chain
