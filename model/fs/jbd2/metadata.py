"""Metadata blocks under handles: their pages, and whose transaction they are part of (do_get_write_access)."""

from mmrun.model.block.serving import read_pages
from mmrun.model.core.accounting import JOURNAL, begins, ends
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_tail
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, io_sleep_until, sleep_until, wait
from mmrun.model.core.state import turn
from mmrun.model.fs.jbd2.checkpoint import slot_of
from mmrun.model.fs.jbd2.log import handle_of
from mmrun.model.fs.jbd2.state import COMMIT, journal_heads, journals, transactions
from mmrun.model.machine.state import costs, cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.limits.limits import charge
from mmrun.model.mm.lru.lru import lru_add, mark_accessed
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES, PGPGIN
from mmrun.model.mm.page.flags import DIRTY, FILE_PAGE, WRITEBACK
from mmrun.model.mm.page.gfp import GFP_NOFS, MOVABLE
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.writeback.dirty import cancel_dirty
from mmrun.model.mm.writeback.extents import block_of
from mmrun.model.mm.writeback.page_wait import wait_on_page_bit

RETRY_NS = 20_000_000  # congestion_wait(HZ/50) while there is no memory
ALL_NODES = (1 << 62) - 1


@rare
@kernel
def _read(m, j, slot):
    """The block is read while the handle is open."""
    journal = journals(m)[j]
    m.now += costs(m).io_path
    done = read_pages(m, journal.disk, m.now, 1, block_of(m, journal.meta, slot))
    begins(m, JOURNAL)
    io_sleep_until(m, done)
    ends(m, JOURNAL)


@rare
@kernel
def _add_page(m, j, slot):
    """A page of the root group's for a metadata block; it may not fail, so it is tried for ever (__getblk)."""
    meta = journals(m)[j].meta
    while cache(m)[slot] <= 0:
        pfn = alloc_pages(m, GFP_NOFS | MOVABLE, 0, cpus(m)[turn(m).cpu].node, ALL_NODES)
        if pfn == NONE:
            sleep_until(m, m.now + RETRY_NS)
            continue
        if cache(m)[slot] > 0:
            free_frame(m, turn(m).cpu, pfn)
            return
        charge(m, 0, 0)
        page = frames(m)[pfn]
        page.owner, page.slot, page.kind, page.memcg = slot, meta, FILE_PAGE, 0
        cache(m)[slot] = pfn + 1
        files(m)[meta].nr_cached += 1
        zones(m)[page.zone].nr_file += 1
        mod_state(m, 0, PGPGIN, 1)
        mod_state(m, 0, NR_FILE_PAGES, 1)
        lru_add(m, pfn)


@kernel
def page_of(m, j, b):
    """The page of a metadata block, read if it is not cached and was used before (sb_getblk, sb_bread)."""
    slot = slot_of(m, j, b)
    if cache(m)[slot] > 0:
        mark_accessed(m, cache(m)[slot] - 1)
        return cache(m)[slot] - 1
    if journal_heads(m)[journals(m)[j].buffers + b].made:
        _read(m, j, slot)
    if cache(m)[slot] <= 0:
        _add_page(m, j, slot)
    return cache(m)[slot] - 1


@rare
@kernel
def _wait_for_copy(m, j, b):
    """The block is being copied to the log: sleep until that is done."""
    journal, began = journals(m)[j], m.now
    begins(m, JOURNAL)
    wait(m, journal.copied, FOREVER)
    ends(m, JOURNAL)
    journal.journal_waits_shadow += 1
    journal.journal_shadow_ns += m.now - began


@kernel
def _wait_for_write(m, pfn):
    """The block is on its way to its place: its buffer is locked until then."""
    begins(m, JOURNAL)
    wait_on_page_bit(m, pfn, WRITEBACK)
    ends(m, JOURNAL)


@kernel
def _freeze(m, j, b):
    """The block is part of what is being committed, and not in the log yet: that gets a copy."""
    journal = journals(m)[j]
    journal_heads(m)[journal.buffers + b].frozen = 1
    journal.jbd2_frozen_copies += 1
    m.now += costs(m).copy_page


@kernel
def _take(m, j, b, row):
    """The handle's transaction has the block from now on; 0 if something had to be waited for first."""
    journal, own = journals(m)[j], journal_heads(m)[journals(m)[j].buffers + b]
    if own.transaction:
        if not own.frozen and transactions(m)[own.transaction - 1].state == COMMIT:
            _wait_for_copy(m, j, b)
            return 0
        if not own.frozen and transactions(m)[own.transaction - 1].state < COMMIT:
            _freeze(m, j, b)
        own.following = row + 1
        return 1
    pfn = page_of(m, j, b)
    if own.transaction:
        return 0
    if frames(m)[pfn].state & WRITEBACK:
        _wait_for_write(m, pfn)
        return 0
    if frames(m)[pfn].state & DIRTY:
        cancel_dirty(m, pfn, journal.meta)
    own.transaction, own.frozen, own.made = row + 1, 0, 1
    link_tail(journal_heads(m), transactions(m)[row].metadata, journal.buffers + b)
    frames(m)[pfn].pins += 1
    return 1


@kernel
def dirty_metadata(m, j, b):
    """The handle changes a metadata block, which its transaction then has; it may sleep until it can be changed.

    In the kernel: jbd2_journal_get_write_access, jbd2_journal_dirty_metadata.
    """
    h, own = handle_of(m), journal_heads(m)[journals(m)[j].buffers + b]
    row = h.transaction
    while own.transaction != row + 1 and own.following != row + 1:
        if _take(m, j, b, row):
            h.credits -= 1
            h.dirtied += 1
