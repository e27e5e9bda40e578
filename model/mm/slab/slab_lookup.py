"""What a task does with slab objects: look one up, make it when it is not there, free it (fs/dcache.c, fs/inode.c).

Whoever makes an object may sleep over it, for memory or for its block; others that want it wait meanwhile.
"""

from mmrun.model.block.serving import read_pages
from mmrun.model.block.state import disks
from mmrun.model.core.accounting import FILE, begins, ends
from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.events import FREE, WRITE
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, current, wait, wake
from mmrun.model.machine.state import costs, nodes, progress, run_settings, task_count
from mmrun.model.mm.fault.filemap import wait_until
from mmrun.model.mm.page.state import frames, page_waits
from mmrun.model.mm.slab.list_lru import BUSY, PINNING, cache_of, put
from mmrun.model.mm.slab.slab import alloc_object, release
from mmrun.model.mm.slab.state import objects, slab_caches, slab_settings, spaces
from mmrun.model.mm.task.state import filemap_count, missed, regions, tasks
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE


@kernel
def wait_on_new(m, i):
    """Sleep while somebody makes object `i` (wait_on_new_inode)."""
    if objects(m)[i].marks & BUSY:
        begins(m, FILE)
        while objects(m)[i].marks & BUSY:
            wait(m, page_waits(m)[i % PAGE_WAIT_TABLE_SIZE], FOREVER)
        ends(m, FILE)


@kernel
def unlock_new(m, i):
    """Object `i` has been made, or will not be (unlock_new_inode)."""
    objects(m)[i].marks &= ~BUSY
    wake(m, page_waits(m)[i % PAGE_WAIT_TABLE_SIZE], ALL, m.now)


@kernel
def read_object(m, t, s, i):
    """Read the block that describes object `i` from its file system's disk: one request, and a wait."""
    disk = spaces(m)[s].disk
    if disk == NONE:
        return
    filemap_count(m).pgpgin += 1
    m.now += costs(m).io_path
    wait_until(m, t, read_pages(m, disk, m.now, 1, i % disks(m)[disk].nr_blocks))


@kernel
def make_alone(m, t, s, i, fresh):
    """Make object `i` of space `s`, whatever it may pin; `fresh`: created rather than read. 0: out of memory."""
    objects(m)[i].marks |= BUSY
    made = alloc_object(m, t, s, i)
    if made and not fresh:
        read_object(m, t, s, i)
    unlock_new(m, i)
    return made


@kernel
def make_pinned(m, t, s, i, fresh):
    """The object that new object `i` of space `s` pins exists and knows it; 0 when there is no memory for it."""
    space = spaces(m)[s]
    other, cache = i + space.pinned, slab_caches(m)[spaces(m)[space.pinned_space].cache]
    wait_on_new(m, other)
    if objects(m)[other].page > 0:
        cache.hits += 1
    else:
        cache.misses += 1
        if not make_alone(m, t, space.pinned_space, other, fresh):
            return 0
    objects(m)[other].pins += 1
    objects(m)[i].marks |= PINNING
    return 1


@kernel
def make(m, t, s, i, fresh):
    """Make object `i` of space `s`, in use until `put`; `fresh`: created rather than read. 0: out of memory."""
    if spaces(m)[s].pinned == 0:
        return make_alone(m, t, s, i, fresh)
    objects(m)[i].marks |= BUSY
    made = alloc_object(m, t, s, i)
    if made and not make_pinned(m, t, s, i, fresh):
        made = 0
        slab_caches(m)[cache_of(m, i)].dropped += 1
        release(m, i)
    unlock_new(m, i)
    return made


@kernel
def remove_object(m, i):
    """Unlink: object `i` and what only it pinned cease to exist; one that is itself in use stays."""
    o = objects(m)[i]
    wait_on_new(m, i)
    if o.page == 0 or o.pins:
        return
    other = i + spaces(m)[o.space].pinned if o.marks & PINNING else NONE
    slab_caches(m)[cache_of(m, i)].dropped += 1
    release(m, i)
    if other != NONE and objects(m)[other].pins == 0 and not objects(m)[other].marks & BUSY:
        slab_caches(m)[cache_of(m, other)].dropped += 1
        release(m, other)


@kernel
def look_up(m, t, s, i, fresh):
    """Object `i` of space `s` is used once: found, or made; OK or OUT_OF_MEMORY."""
    cache, stat = slab_caches(m)[spaces(m)[s].cache], task_count(m)[t]
    wait_on_new(m, i)
    if objects(m)[i].page > 0:
        cache.hits += 1
    else:
        cache.misses += 1
        stat.misses += 1
        if run_settings(m).record_misses:
            missed(m)[progress(m).accesses] = 1
        if not make(m, t, s, i, fresh):
            return OUT_OF_MEMORY
    m.now += nodes(m)[tasks(m)[t].node].cost[frames(m)[objects(m)[i].page - 1].node]
    if objects(m)[i].pins == 0:
        put(m, i)
    return OK


@hook
def slab_access(m, t, region, number, operation):
    """Serve one event of task `t` on an object of a slab region; a write happens in a GFP_NOFS transaction."""
    r = regions(m)[region]
    s = r.file
    i = spaces(m)[s].first + number - r.first
    m.now += slab_settings(m).slab_lookup
    if operation == FREE:
        remove_object(m, i)
        return OK
    current(m).nofs = 1 if operation == WRITE else tasks(m)[t].nofs
    answer = look_up(m, t, s, i, operation == WRITE)
    current(m).nofs = tasks(m)[t].nofs
    return answer
