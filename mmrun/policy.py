"""What a policy variant of one's own imports: decorators, codes, the machine's state, and helpers. A stable face.

A variant is a file with a docstring, `SOURCE`, and hooks; `BASE` names the built-in variant from which it has the hooks
that it does not define:

    \"\"\"First in, first out.\"\"\"
    from mmrun.policy import RECLAIM_PAGE, hook

    SOURCE = "textbooks"
    BASE = "cost-balanced"

    @hook
    def check_references(m, frame, young, executable):
        return RECLAIM_PAGE

The names below keep their meaning; what else is imported from inside the model may move from one release to the next.
`mmrun explain check_references` tells what a hook is asked and by whom, docs/api.md shows how to use the file.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.links import link_after, link_head, link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current, sleep_until, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry, node_count, nodes, task_count
from mmrun.model.mm.lru.lists import list_of, push_head, push_tail, unlink
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.lru.state import (
    ACTIVATE,
    DEF_PRIORITY,
    KEEP,
    RECLAIM_CLEAN,
    RECLAIM_PAGE,
    lru_count,
    lruvecs,
    workingset_count,
)
from mmrun.model.mm.memcg.memcontrol import lru_size, read_stat
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ACTIVE_ANON,
    ACTIVE_FILE,
    ANON,
    DIRTY,
    INACTIVE_ANON,
    INACTIVE_FILE,
    ISOLATED,
    LRU,
    RECLAIM,
    REFERENCED,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import reclaim_count, reclaim_settings, scans
from mmrun.model.mm.swap.state import swap_settings, swaps
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.task.state import files, regions, tasks

__all__ = [  # noqa: RUF022  in groups, as one looks for them
    # Decorators and calls
    "hook",  # marks `name(m, ...)` as the variant's hook of that name; answers a whole number on every path
    "kernel",  # marks a function that hooks call; compiled with them, allocates nothing
    "parameters",  # params = parameters("lru", PARAMS) gives hooks what the file declares: params(m).share
    "caller",  # caller("name") is the kernel-side function that calls hook `name` of whatever variant is bound
    "panic",  # panic(m, why, where) stops the machine: a code of model/core/codes.py and a number for the message
    # Verdicts on a page at the tail of an inactive list
    "RECLAIM_PAGE",  # free it, writing it first if it is dirty
    "RECLAIM_CLEAN",  # free it unless it is dirty
    "KEEP",  # back to the inactive head
    "ACTIVATE",  # to the active list
    # Bits of frames(m)[frame].state
    "LRU",  # stands on a list
    "ACTIVE",  # on an active one
    "REFERENCED",  # was seen used once
    "WORKINGSET",  # was active before: part of the workingset
    "DIRTY",  # differs from its place on disk or in swap
    "WRITEBACK",  # is being written
    "RECLAIM",  # is to be freed when it has been written
    "ANON",  # anonymous; a page of a file otherwise
    "SWAPCACHE",  # has a slot in swap that holds, or will hold, the same
    "ISOLATED",  # held by a reclaimer
    # Numbers
    "INACTIVE_ANON",  # number of a list in lruvecs(m)[lruvec].lists
    "ACTIVE_ANON",  # the same
    "INACTIVE_FILE",  # the same
    "ACTIVE_FILE",  # the same
    "NONE",  # no frame, no row
    "SWAP_CLUSTER_MAX",  # pages of a batch, 32
    "DEF_PRIORITY",  # priority at which reclaim begins, 12: a list gives 1/4096 of itself
    # State: tables by row, single records
    "frames",  # frames(m)[frame]: state, node, zone, memcg, owner, slot, mapcount
    "lruvecs",  # lruvecs(m)[lruvec]: the lists of a group on a node (or zone), their sizes and costs
    "zones",  # zones(m)[zone]: free pages, watermarks, what it holds
    "nodes",  # nodes(m)[node]: its zonelist, distances, its daemon
    "memcgs",  # memcgs(m)[group]: usage, limits, protection; 0 is the root
    "tasks",  # tasks(m)[task]: its group, node, placement
    "regions",  # regions(m)[region]: part of an address space
    "files",  # files(m)[file]: its disk, cached pages, readahead
    "scans",  # scans(m)[sc]: what a reclaimer is about (struct scan_control)
    "swaps",  # swaps(m)[area]: slots of a swap area
    "turn",  # turn(m): who runs on which CPU
    "geometry",  # geometry(m): numbers of nodes, zones, CPUs, tasks
    "costs",  # costs(m): ns of kernel steps that several mechanisms share
    "reclaim_settings",  # reclaim_settings(m): sysctls, costs and ways of reclaim
    "swap_settings",  # swap_settings(m): sysctls of swap
    # Counters
    "node_count",  # node_count(m)[node]: counters of a node
    "task_count",  # task_count(m)[task]: counters of a task
    "lru_count",  # lru_count(m): what happens on lists
    "reclaim_count",  # reclaim_count(m): what reclaim scans and frees
    "workingset_count",  # workingset_count(m): refaults
    # Lists of a lruvec
    "list_of",  # list_of(state): the list a frame with these state bits belongs on
    "lruvec_of",  # lruvec_of(m, group, node, zone): number of a lruvec
    "lruvec_of_frame",  # lruvec_of_frame(m, frame): number of the frame's
    "push_head",  # push_head(m, lruvec, list, frame): newest of the list
    "push_tail",  # push_tail(m, lruvec, list, frame): next in line
    "unlink",  # unlink(m, lruvec, list, frame): off the list
    "lru_size",  # lru_size(m, lruvec, list): pages on a list, as the group's statistics have it
    "read_stat",  # read_stat(m, group): fold a group's pending statistics
    "nr_swap_pages",  # nr_swap_pages(m): free slots of all areas
    # Lists of rows in any table with fields `next` and `prev`
    "link_head",  # link_head(links, lst, row): newest of the list
    "link_tail",  # link_tail(links, lst, row): oldest
    "link_after",  # link_after(links, lst, before, row): behind another
    "unlink_row",  # unlink_row(links, lst, row): off the list
    # Time: m.now is in ns; hooks add what they cost
    "current",  # current(m): the actor that runs
    "cond_resched",  # cond_resched(m): others run if this turn has been long
    "sleep_until",  # sleep_until(m, at): sleep to a time
    "wait",  # wait(m, queue, timeout): sleep until woken, at most so many ns; how long that was
    "wake",  # wake(m, queue, most, at): wake up to so many sleepers
]
