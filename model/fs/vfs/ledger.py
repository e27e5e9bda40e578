"""Which contents of each page a cut would leave: versions on their way over a write cache to the medium.

Kept for the law of durability (`check.py` of `fs.ext4`); no time depends on it.
"""

from mmrun.model.block.flush import durable
from mmrun.model.block.state import block_state, disks
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.fs.jbd2.state import journals
from mmrun.model.fs.vfs.state import UNWRITTEN, block_tids, inodes, versions
from mmrun.model.mm.task.state import files


@kernel
def stored(m, slot, pages):
    """Stores into the pages from `slot` of the page cache on: a version more of each."""
    for each in range(slot, slot + pages):
        versions(m)[each].version += 1
        versions(m)[each].stored_at = m.now


@kernel
def sent(m, slot, pages):
    """The pages' writes begin: what is in them now will be on the disk."""
    for each in range(slot, slot + pages):
        versions(m)[each].sent = versions(m)[each].version


@kernel
def arrived(m, file, slot, pages):
    """The pages' writes have ended; where their blocks were unwritten that is to be told of."""
    own, unwritten, disk = inodes(m)[file], False, files(m)[file].disk
    for each in range(slot, slot + pages):
        v = versions(m)[each]
        if durable(m, disk, v.accepted):
            v.durable = v.cached
        v.cached, v.accepted = v.sent, block_state(m).sequence
        unwritten |= block_tids(m)[each] == UNWRITTEN
    if unwritten:
        own.written_from = min(own.written_from, slot) if own.written_to else slot
        own.written_to = max(own.written_to, slot + pages)
        wake(m, journals(m)[disks(m)[disk].journal - 1].conversion, ALL, m.now)
