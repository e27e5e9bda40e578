"""What a task asks for: move_pages, migrate_pages, mbind (mm/migrate.c: do_pages_move; mm/mempolicy.c).

`whose` is the task whose pages they are. What a call returned and the statuses of its pages are in the caller's row of
`movers` until its next call.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.lru.rmap import pte_frame
from mmrun.model.mm.migrate.isolate import (
    add_isolated,
    give_list,
    isolate_folio,
    lru_cache_disable,
    lru_cache_enable,
    putback_movable_pages,
    take_list,
)
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.settings import COUNT_BITS, PAGE_BITS
from mmrun.model.mm.migrate.state import (
    EACCES,
    EBUSY,
    EFAULT,
    EINVAL,
    EIO,
    ENODEV,
    ENOENT,
    MR_MEMPOLICY_MBIND,
    MR_SYSCALL,
    SYNC,
    TO_NODE,
    TO_POLICY,
    isolated,
    movers,
)
from mmrun.model.mm.page.flags import TAIL_PAGE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.mempolicy import interleave_nid, popcount
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import REGION_ANON, REGION_MMAP, fault_settings, pte, regions, tasks
from mmrun.model.mm.task.words import maps

QUEUED_UP, THERE = 1, 0  # the page is on the list, or where it should be


@kernel
def mapped_at(m, t, page):
    """The frame that page `page` of task `t` is mapped to: a folio's first; -ENOENT: to none, -EFAULT: to zeros."""
    task = tasks(m)[t]
    region = task.first_region
    while region < task.first_region + task.nr_regions and page >= regions(m)[region].first + regions(m)[region].npages:
        region += 1
    if region == task.first_region + task.nr_regions or regions(m)[region].kind not in (REGION_ANON, REGION_MMAP):
        return -EFAULT
    word = pte(m)[task.pte_start + page]
    if not maps(word):
        return -ENOENT
    pfn = pte_frame(word)
    if pfn == fault_settings(m).zero_pfn:
        return -EFAULT
    return frames(m)[pfn].owner if frames(m)[pfn].kind == TAIL_PAGE else pfn


@kernel
def _queue(m, pages, pfn, node, everybodys):
    """A mapped folio that is to be on `node` joins the list `pages`: QUEUED_UP, THERE, -EACCES or -EBUSY.

    In the kernel: add_folio_for_migration.
    """
    page = frames(m)[pfn]
    if page.node == node:
        return THERE
    if page.mapcount > nr_pages(m, pfn) and not everybodys:
        return -EACCES
    if not isolate_folio(m, pfn):
        return -EBUSY
    add_isolated(m, pages, pfn)
    return QUEUED_UP


@kernel
def _move_group(m, pages, node):
    """Migrate the queued pages to a node; 0, how many could not be, or an error (do_move_pages_to_node)."""
    if not isolated(m)[pages].n:
        return 0
    failed = migrate_pages(m, pages, TO_NODE, node, SYNC, MR_SYSCALL)
    putback_movable_pages(m, pages)
    return failed


@kernel
def _store_status(mover, status, pages):
    """The statuses of so many pages are written."""
    mover.unset -= pages
    if status >= 0:
        mover.moved += pages
    elif status == -ENOENT:
        mover.absent += pages
    elif status == -EACCES:
        mover.refused += pages
    elif status == -EBUSY:
        mover.busy += pages
    else:
        mover.unmapped += pages


@kernel
def do_pages_move(m, mover, first, node, everybodys, pages):
    """Move `mover.count` pages from `first` on to a node; what move_pages returns.

    Adjacent pages that can be queued go in one call; the statuses of a group that fails in part are not written.
    """
    start = 0
    for i in range(mover.count):
        pfn = mapped_at(m, mover.whose, first + i)
        status = pfn if pfn < 0 else _queue(m, pages, pfn, node, everybodys)
        if status == QUEUED_UP:
            continue
        _store_status(mover, node if status == THERE else status, 1)
        queued = i - start
        left = _move_group(m, pages, node)
        if left:
            return left + mover.count - i - 1 if left > 0 else left
        _store_status(mover, node, queued)
        start = i + 1
    left = _move_group(m, pages, node)
    if left == 0:
        _store_status(mover, node, mover.count - start)
    return left


@kernel
def _begin(m, t):
    """The task enters a system call that moves pages: batches are emptied, nothing is known of its outcome."""
    mover = movers(m)[t]
    m.now += costs(m).syscall
    mover.moved = mover.absent = mover.refused = mover.busy = mover.unmapped = 0
    mover.unset = mover.count
    lru_cache_disable(m)
    return take_list(m)


@kernel
def _end(m, t, returned):
    """And leaves it."""
    give_list(m)
    lru_cache_enable(m)
    movers(m)[t].returned = returned
    return OK


@hook
def migration_range(m, t, argument):
    """The next calls of task `t` are about so many pages of a task (0: its own, else its number + 1)."""
    mover = movers(m)[t]
    whose = argument >> COUNT_BITS
    mover.count, mover.whose = argument & (1 << COUNT_BITS) - 1, whose - 1 if whose else t
    return OK


@hook
def move_pages(m, t, argument):
    """move_pages(2): the pages from the argument's page on go to its node."""
    first, node = argument & (1 << PAGE_BITS) - 1, argument >> PAGE_BITS & 0xFF
    pages = _begin(m, t)
    if node >= geometry(m).nr_nodes:
        return _end(m, t, -ENODEV)
    return _end(m, t, do_pages_move(m, movers(m)[t], first, node, argument >> PAGE_BITS + 8, pages))


@kernel
def _nth(mask, n):
    """The `n`-th node of a mask."""
    for node in range(16):
        if mask >> node & 1:
            if n == 0:
                return node
            n -= 1
    return NONE


@kernel
def _remapped(node, sources, targets):
    """Where a node of `sources` has its place in `targets` (node_remap)."""
    if not sources >> node & 1:
        return node
    return _nth(targets, popcount(sources & (1 << node) - 1) % popcount(targets))


@kernel
def _next_pair(m, left, sources, targets):
    """(node whose pages go next, where to): one whose target no other is still to leave, if there is; else any."""
    source = target = NONE
    for s in range(geometry(m).nr_nodes):
        if not left >> s & 1 or (popcount(sources) != popcount(targets) and targets >> s & 1):
            continue
        d = _remapped(s, sources, targets)
        if d == s:
            continue
        source, target = s, d
        if not left >> d & 1:
            break
    return source, target


@kernel
def _queue_range(m, t, first, count, nodes_wanted, everybodys, pages):
    """Pages of a task in a range that are on other nodes than these are isolated; those that could not be."""
    missed = 0
    for page in range(first, first + count):
        pfn = mapped_at(m, t, page)
        if pfn < 0 or nodes_wanted >> frames(m)[pfn].node & 1:
            continue
        missed += _queue(m, pages, pfn, NONE, everybodys) == -EBUSY
    return missed


@kernel
def do_migrate_pages(m, t, sources, targets, everybodys, pages):
    """Pages of task `t` go from each node of one mask to the one in its place in the other; how many could not."""
    left, busy = sources, 0
    while left:
        source, target = _next_pair(m, left, sources, targets)
        if source == NONE:
            break
        left &= ~(1 << source)
        _queue_range(m, t, 0, tasks(m)[t].npages, ~(1 << source), everybodys, pages)
        failed = _move_group(m, pages, target)
        if failed < 0:
            return failed
        busy += failed
    return busy


@hook
def migrate_task(m, t, argument):
    """migrate_pages(2) of the task of `migration_range`."""
    there = (1 << geometry(m).nr_nodes) - 1
    sources, targets = argument & there, argument >> 16 & there
    pages = _begin(m, t)
    if not targets:
        return _end(m, t, -ENODEV)
    return _end(m, t, do_migrate_pages(m, movers(m)[t].whose, sources, targets, argument >> 32, pages))


@hook
def mbind_policy(m, t, argument):
    """The nodes of the task's next mbind, and whether its pages are to lie on them in turn (MPOL_INTERLEAVE)."""
    movers(m)[t].mask, movers(m)[t].interleaved = argument & 0xFFFF, argument >> 16 & 1
    return OK


@kernel
def _misplaced(m, t, page, mover):
    """Whether a mapped page of a task's is on none of the nodes, or, in turn, not on its own."""
    pfn = mapped_at(m, t, page)
    if pfn < 0:
        return False
    if mover.interleaved:
        own = interleave_nid(mover.mask, tasks(m)[t].pte_start + page >> frames(m)[pfn].order)
        return frames(m)[pfn].node != own
    return not mover.mask >> frames(m)[pfn].node & 1


@kernel
def do_mbind(m, t, first, everybodys, strict, pages):
    """Move the pages of the range that are not where the policy has them; 0, or -EIO when, `strict`, one stays."""
    mover, stay = movers(m)[t], 0
    for page in range(first, first + mover.count):
        if _misplaced(m, mover.whose, page, mover):
            status = _queue(m, pages, mapped_at(m, mover.whose, page), NONE, everybodys)
            stay += 1 if status < 0 else 0
    if isolated(m)[pages].n:
        left = migrate_pages(m, pages, TO_POLICY, t, SYNC, MR_MEMPOLICY_MBIND)
        putback_movable_pages(m, pages)
        stay += 1 if left else 0
    return -EIO if stay and strict else 0


@hook
def mbind(m, t, argument):
    """mbind(2) of a range with MPOL_MF_MOVE; pages touched first later go by the task's own policy."""
    first, flags = argument & (1 << PAGE_BITS) - 1, argument >> PAGE_BITS
    pages = _begin(m, t)
    if not movers(m)[t].mask & (1 << geometry(m).nr_nodes) - 1:
        return _end(m, t, -EINVAL)
    return _end(m, t, do_mbind(m, t, first, flags & 1, flags >> 1 & 1, pages))
