"""How victims are chosen, and what is written down of the first kills of a run, at the moment of each."""

from mmrun.model.core.record import one, row, table

ORDERS = 11  # MAX_ORDER of model/mm/page/state.py
WRITTEN, READ, UNWRITTEN = 0, 1, 2  # of a page that is busy
MOST_REPORTS = 4  # kills that are written down; the others are only counted

# `asker`: the task that wants memory, or NOBODY: the daemon of node `node`; `victim`: NOBODY when nobody can be killed;
# `over`: the group at its limit, 0: the machine; `event`, `word`: the asker's event and page-table word; `total`:
# pages that points are a part of; `seen`: sizes of the lists as reclaim takes them to be, by group statistics;
# `protected`: pages of groups that memory.min covers; the rest as the asker's last reclaim left it.
OOM = row(
    now="i8", asker="i8", victim="i8", over="i8", node="i8", event="i8", word="i8", points="i8", total="i8",
    usage="i8", limit="i8", failcnt="i8", swap_pages="i8", swap_limit="i8", kmem="i8", pgscan="i8", pgsteal="i8",
    swap_free="i8", swap_total="i8", protected="i8", seen=("i8", (4,)),
    priority="i8", nr_scanned="i8", nr_reclaimed="i8", swappiness="i8",
)  # fmt: skip
# A task at that moment, in pages; `lives`: it has an address space, and is in the group at its limit.
OOM_TASK = row(lives="i8", memcg="i8", anon="i8", file="i8", swapents="i8", tables="i8")
# Pages in a zone by what they are: of all, then of the group's subtree. `busy`: pages of a kind (0 anon, 1 file) on
# lists that are being written, being read, dirty (of files), each counted as the first of these that it is.
OOM_PAGES = row(
    lists=("i8", (4,)), isolated=("i8", (2,)), anon="i8", file="i8", file_mapped="i8", file_dirty="i8",
    writeback="i8", swapcache="i8", pagetables="i8", slab="i8",
    slab_reclaimable="i8", zram="i8", kernel="i8", busy=("i8", (2, 3)),
)  # fmt: skip
OOM_ZONE = row(free="i8", pcp="i8", scanned="i8", unreclaimable="i8", lists=("i8", (4,)), pending="i8",
               areas=("i8", (ORDERS,)), failures="i8")  # fmt: skip

ooms = table(250, "ooms", OOM)
oom_tasks = table(251, "oom_tasks", OOM_TASK, dimensions=2)
oom_pages = table(252, "oom_pages", OOM_PAGES, dimensions=2)
oom_zones = table(253, "oom_zones", OOM_ZONE, dimensions=2)
oom_state = one(254, "oom_state", row(reports="i8"))  # kills so far, those not written down included
# What writing a limit does in this version (model/mm/limits/writes.py), 0 or 1.
limit_settings = one(103, "limit_settings", row(
    max_write_kills="i8", resize_gives_up="i8", resize_drains="i8", high_reclaims="i8", high_loops="i8",
    high_set_last="i8", swap_max_below_usage="i8",
))  # fmt: skip
# The version's ways: points in thousandths of the whole, at least 1, the last of equals goes.
oom_settings = one(255, "oom_settings", row(oom_per_mille="i8", oom_at_least_one="i8", oom_last_of_equals="i8"))
