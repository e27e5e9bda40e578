"""memory.stat: what a group counts, and which function of the kernel changes what on each path.

Kernels of the model change an item with `mod_state` (model/mm/memcg/memcontrol.py) where the kernel does. `UPDATES` is
the list of those places; a test walks every path on a small machine and compares. Items of the lists' sizes (NR_LRU),
of kernel memory (MEMCG_KMEM) and swap (MEMCG_SWAP) have homes of their own in the model, their updates count all the
same. Read in mm/ of 4.19, 5.8, 5.15, 6.1 and 6.18.
"""

from typing import NamedTuple

from mmrun.model.core.mechanism import counters

GAUGES = counters("""
anon | none | anonymous pages that are mapped
file | none | page-cache pages
file_mapped | none | page-cache pages that are mapped
file_dirty | none | dirty page-cache pages
file_writeback | none | pages being written, to files or swap
swapcached | none | pages in the swap cache
pagetables | none | page-table pages
""")
EVENTS = counters("""
pgpgin | none | pages charged (version 1 of cgroups shows them)
pgpgout | none | pages uncharged (version 1 of cgroups shows them)
pswpin | lower | pages read from swap
pswpout | lower | pages written to swap
pgfault | lower | page faults | events
pgmajfault | lower | page faults that had to read | events
pgactivate | none | pages moved to an active list
pgdeactivate | none | pages moved from an active to an inactive list
pgrefill | lower | pages scanned on active lists
pgscan_kswapd | lower | inactive pages scanned by kswapd
pgscan_direct | lower | inactive pages scanned by tasks that need memory
pgscan_proactive | lower | inactive pages scanned for memory.reclaim
pgsteal_kswapd | none | pages reclaimed by kswapd
pgsteal_direct | none | pages reclaimed by tasks that need memory
pgsteal_proactive | none | pages reclaimed for memory.reclaim
workingset_refault_anon | lower | anonymous pages that came back after eviction
workingset_refault_file | lower | file pages that came back after eviction
workingset_activate_anon | none | anonymous refaults close enough to be activated at once
workingset_activate_file | none | file refaults close enough to be activated at once
workingset_restore_anon | none | anonymous refaults of pages evicted while part of the workingset
workingset_restore_file | none | file refaults of pages evicted while part of the workingset
""")
STATS = {**GAUGES, **EVENTS}  # an item's number is its place
(
    NR_ANON_MAPPED, NR_FILE_PAGES, NR_FILE_MAPPED, NR_FILE_DIRTY, NR_WRITEBACK, NR_SWAPCACHE, NR_PAGETABLE,
    PGPGIN, PGPGOUT, PSWPIN, PSWPOUT, PGFAULT, PGMAJFAULT, PGACTIVATE, PGDEACTIVATE, PGREFILL,
    PGSCAN_KSWAPD, PGSCAN_DIRECT, PGSCAN_PROACTIVE, PGSTEAL_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_PROACTIVE,
    WORKINGSET_REFAULT_ANON, WORKINGSET_REFAULT_FILE, WORKINGSET_ACTIVATE_ANON, WORKINGSET_ACTIVATE_FILE,
    WORKINGSET_RESTORE_ANON, WORKINGSET_RESTORE_FILE,
) = range(len(STATS))  # fmt: skip


class Update(NamedTuple):
    """One change of an item: on which path, by which function, since and until (first without) which version.

    `seen`: which statistics change, of the group (memcg), its part of a node (lruvec), the node, the zone, the events
    of the machine (vm). Of large folios of files charges are one event a folio.
    """

    path: str
    item: str
    function: str
    seen: str = "memcg lruvec node"
    since: str = ""
    until: str = ""


UPDATES = (
    Update("charge", "PGPGIN", "charge_memcg: mem_cgroup_charge_statistics, memcg1_commit_charge", "memcg"),
    Update("uncharge", "PGPGOUT", "uncharge_batch, mem_cgroup_swapout", "memcg"),
    Update("join list", "NR_LRU", "lru_add: lruvec_add_folio", "memcg lruvec node zone"),
    Update("leave list", "NR_LRU", "__page_cache_release: lruvec_del_folio", "memcg lruvec node zone"),
    Update("activate", "NR_LRU", "lru_activate: lruvec_del_folio", "memcg lruvec node zone"),
    Update("activate", "NR_LRU", "lru_activate: lruvec_add_folio", "memcg lruvec node zone"),
    Update("activate", "PGACTIVATE", "lru_activate", "memcg vm"),
    Update("rotate", "NR_LRU", "lru_move_tail: lruvec_del_folio", "memcg lruvec node zone"),
    Update("rotate", "NR_LRU", "lru_move_tail: lruvec_add_folio_tail", "memcg lruvec node zone"),
    Update("isolate", "NR_LRU", "isolate_lru_folios: update_lru_sizes", "memcg lruvec node zone"),
    Update("put back", "NR_LRU", "move_folios_to_lru: lruvec_add_folio", "memcg lruvec node zone"),
    Update("scan", "PGSCAN", "shrink_inactive_list", "memcg vm"),
    Update("steal", "PGSTEAL", "shrink_inactive_list", "memcg vm"),
    Update("activate in reclaim", "PGACTIVATE", "shrink_folio_list", "memcg vm"),
    Update("refill", "PGREFILL", "shrink_active_list", "memcg vm"),
    Update("deactivate", "PGDEACTIVATE", "shrink_active_list", "memcg vm"),
    Update("add to cache", "NR_FILE_PAGES", "__filemap_add_folio"),
    Update("leave cache", "NR_FILE_PAGES", "filemap_unaccount_folio"),
    Update("map anon", "NR_ANON_MAPPED", "folio_add_new_anon_rmap, folio_add_anon_rmap_ptes"),
    Update("unmap anon", "NR_ANON_MAPPED", "folio_remove_rmap_ptes"),
    Update("map file", "NR_FILE_MAPPED", "folio_add_file_rmap_ptes, for the first mapping"),
    Update("unmap file", "NR_FILE_MAPPED", "folio_remove_rmap_ptes, for the last mapping"),
    Update("dirty", "NR_FILE_DIRTY", "folio_account_dirtied", "memcg lruvec node zone"),
    Update("clean", "NR_FILE_DIRTY", "folio_clear_dirty_for_io", "memcg lruvec node zone"),
    Update("start writing", "NR_WRITEBACK", "__folio_start_writeback", "memcg lruvec node zone"),
    Update("end writing", "NR_WRITEBACK", "__folio_end_writeback", "memcg lruvec node zone"),
    Update("take swap", "MEMCG_SWAP", "__mem_cgroup_try_charge_swap, mem_cgroup_swapout", "memcg"),
    Update("free swap", "MEMCG_SWAP", "__mem_cgroup_uncharge_swap", "memcg"),
    Update("add to swap cache", "NR_SWAPCACHE", "add_to_swap_cache", since="5.12"),
    Update("leave swap cache", "NR_SWAPCACHE", "__delete_from_swap_cache", since="5.12"),
    Update("read swap", "PSWPIN", "swap_read_folio", "memcg vm", since="6.13"),
    Update("write swap", "PSWPOUT", "count_swpout_vm_event", "memcg vm", since="6.13"),
    Update("fault", "PGFAULT", "handle_mm_fault, mm_account_fault", "memcg vm"),
    Update("retry", "PGFAULT", "handle_mm_fault, once more when the page was read", "memcg vm", until="6.4"),
    Update("major fault", "PGMAJFAULT", "filemap_fault, do_swap_page", "memcg vm"),
    Update("refault", "WORKINGSET_REFAULT", "workingset_refault"),
    Update("activate refault", "WORKINGSET_ACTIVATE", "workingset_refault"),
    Update("restore", "WORKINGSET_RESTORE", "workingset_refault"),
    Update("page table", "NR_PAGETABLE", "pagetable_pte_ctor"),
    Update("page table", "MEMCG_KMEM", "obj_cgroup_charge_pages", "memcg"),
    Update("slab page", "MEMCG_KMEM", "obj_cgroup_charge_pages", "memcg"),
    Update("slab bytes", "NR_SLAB", "mod_objcg_state, beyond a page of bytes: a page since 6.7, so many bytes before"),
)
# What happens to one page as users see it, as the paths it takes.
ACTIONS = {
    "file page read": ("charge", "add to cache", "join list"),
    "file page mapped": ("fault", "major fault", "charge", "add to cache", "map file", "join list"),
    "file page reclaimed": ("isolate", "scan", "leave cache", "uncharge", "steal"),
    "mapped file page reclaimed": ("isolate", "scan", "unmap file", "leave cache", "uncharge", "steal"),
    "file page dirtied": ("dirty",),
    "file page written back": ("clean", "start writing", "end writing"),
    "page activated by read()": ("activate",),
    "page deactivated": ("isolate", "refill", "put back", "deactivate"),
    "page kept": ("isolate", "scan", "put back"),
    "anonymous page touched": ("fault", "charge", "map anon", "join list"),
    "anonymous page swapped out": (
        "isolate", "scan", "take swap", "add to swap cache", "unmap anon", "start writing", "write swap", "end writing",
        "leave swap cache", "uncharge", "steal",
    ),
    "anonymous page swapped in past the cache": (
        "fault", "major fault", "charge", "read swap", "free swap", "map anon", "join list",
    ),
    "anonymous page at exit": ("unmap anon", "leave list", "uncharge"),
}  # fmt: skip


def updates(action: str, version: tuple[int, int]) -> int:
    """How many updates of a group's statistics an action makes in a version."""
    return sum(
        update.path == path and "memcg" in update.seen and _has(update, version)
        for path in ACTIONS[action]
        for update in UPDATES
    )


def _has(update: Update, version: tuple[int, int]) -> bool:
    return _number(update.since or "0.0") <= version < _number(update.until or "99.0")


def _number(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
