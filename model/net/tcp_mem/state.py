"""The protocol's counter and marks, groups' counters of socket memory, and the cache lines they lie on."""

from mmrun.model.core.calendar import BOOKED
from mmrun.model.core.record import counts, one, row, table
from mmrun.model.machine.settings import MAX_NODES
from mmrun.model.net.tcp_mem.settings import TCP_MEM_COUNTERS

EPOCH_SHIFT = 16  # of who uses a line: 65 us
GLOBAL_LINE = 0  # of the protocol's counter; group g has lines 1 + 2g and 2 + 2g

# Filled by name: costs (ns), ways of the version, `mem_pcpu_rsv` (pages). `accounts`: groups may be charged;
# `group_marks`: a group's own usage and marks decide, not the machine's; `beyond_root`: charges reach the root's
# counter; `legacy`: groups of version 1 under the accounting of version 2; `reclaim_tells`: vmpressure is asked.
tcp_mem_settings = one(280, "tcp_mem_settings", row(
    line_same_core="i8", line_same_node="i8", line_cross_node="i8", res_counter_level="i8", cgroup_accessor="i8",
    sk_charges_shortage="i8", sk_gives_back_at_once="i8", sk_gives_back_2mib="i8", sk_per_cpu_reserve="i8",
    skmem_charges_anyway="i8", skmem_atomic_is_privileged="i8", fair_share_by_machine="i8", sock_min_sndbuf="i8",
    mem_pcpu_rsv="i8", accounts="i8", group_marks="i8", beyond_root="i8", legacy="i8", reclaim_tells="i8",
    accessor="i8",
))  # fmt: skip
# A cache line: accesses to it in this epoch and the last, of all CPUs and by node.
LINE = row(epoch="i8", total="i8", last_total="i8", node=("i8", (MAX_NODES,)), last_node=("i8", (MAX_NODES,)))
lines = table(281, "lines", LINE)
line_users = table(282, "line_users", row(epoch="i8", n="i8", last="i8"))  # by line and CPU
line_slots = table(283, "line_slots", BOOKED)  # a calendar a line
# A group: pages that it and those below it are charged on the counter of version 1, their limit; `sock`: its own pages;
# `sockets`: of it alone; `pressure`: its flag; `pressure_until`: its sockets are held back (ns); `scanned`,
# `reclaimed`: since the last level; `forced`: it was charged beyond its limit; `in_hand`: pages charged
# for a socket that still waits for more.
SOCK_GROUP = row(
    accounted="i8", usage="i8", limit="i8", failcnt="i8", sock="i8", sockets="i8", pressure="i8", pressure_until="i8",
    scanned="i8", reclaimed="i8", forced="i8", in_hand="i8",
)  # fmt: skip
sock_groups = table(284, "sock_groups", SOCK_GROUP)
# `mark`: net.ipv4.tcp_mem (pages); `wmem`, `rmem`: tcp_wmem and tcp_rmem (bytes); `allocated`: the shared counter.
tcp_mem = one(285, "tcp_mem", row(
    mark=("i8", (3,)), wmem=("i8", (3,)), rmem=("i8", (3,)), allocated="i8", sockets="i8", pressure="i8",
    pressure_since="i8", enabled="i8",
))  # fmt: skip
tcp_mem_count = counts(286, "tcp_mem_count", *TCP_MEM_COUNTERS)
tcp_reserves = table(287, "tcp_reserves", "i8")  # by CPU: pages not yet on the shared counter (per_cpu_fw_alloc)
