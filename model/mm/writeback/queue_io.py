"""What a flusher is to write next, and why it works, in the kernel's words (queue_io, enum wb_reason)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import SECOND, jiffies
from mmrun.model.mm.writeback.inodes import ASKED, FOREIGN_FLUSH, move_expired
from mmrun.model.mm.writeback.state import wbs, writeback_settings
from mmrun.model.mm.writeback.tracepoints import writeback_queue_io


@kernel
def reason_of(m, work):
    """Why a flusher does what it is at, as REASONS has it: since 4.15 nobody asks for pages but a group."""
    return FOREIGN_FLUSH if work == ASKED and writeback_settings(m).start_all else work


@kernel
def queue_io(m, w, work, older_than):
    """Move files that became dirty no later than `older_than` (ns) to where they are written from."""
    moved, wb, hz = move_expired(m, w, older_than), wbs(m)[w], geometry(m).hz
    older = older_than * hz // SECOND
    writeback_queue_io(m, wb.bdi, older, (jiffies(m) - older) * 1000 // hz, moved, reason_of(m, work), wb.memcg)
