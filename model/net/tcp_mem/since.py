"""What socket memory is charged to: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, group, number, param, since, sysctl, within

MOST = 1 << 30
V3_1 = "net/ipv4/tcp.c: tcp_init, 3.1"
PCPU = "3cd3399dd7a8 net: implement per-cpu reserves for memory_allocated, 6.0"
BUTT = "posted 24 August 2022 (memcg: optimize charge codepath), 6.1"

DATED: Dated = (
    axis(
        "tcp_accounting",
        always("global", "net/core/sock.c: __sk_mem_schedule, 3.1"),
        since("3.3", "res-counter", "e1aab161e013 socket: initial cgroup code, 3.3"),
        since("3.19", "page-counter", "3e32cb2e0a12 mm: memcontrol: lockless page counters, 3.19"),
        since("4.5", "unified", "f7e1cb6ec51b mm: memcontrol: account socket memory in unified hierarchy, 4.5"),
    ),
    param("tcp_accounting/unified", "false_sharing", always(True, "struct page_counter, 6.0"),
          since("6.1", False, f"mm: page_counter: rearrange struct page_counter fields, {BUTT}")),
    param("tcp_accounting/unified", "exchanges", always(True, "mm/page_counter.c: propagate_protected_usage, 6.0"),
          since("6.1", False, f"mm: page_counter: remove unneeded atomic ops for low/min, {BUTT}")),
    group("kmem_tcp_limit", "memory.kmem.tcp.limit_in_bytes", since("3.3", True, "tcp buffer limitation: per-cgroup "
          "limit, 3.3"), version="v1"),
    number("tcp_mem_divisor", "part of memory, one in so many, beyond which sockets are under pressure (tcp_mem[1])",
           always(8, V3_1), since("4.2", 16, "b66e91ccbc34 tcp: halve tcp_mem[] limits, 4.2")),
    number("tcp_rmem_default", "bytes of a new socket's receive buffer (tcp_rmem[1])",
           always(87380, V3_1), since("4.20", 131072, "a337531b942b tcp: up initial rmem to 128KB, 4.20")),
    number("tcp_rmem_cap", "bytes that tcp_rmem[2] never exceeds by default",
           always(4 << 20, V3_1),
           since("3.6", 6 << 20, "net/ipv4/tcp.c: tcp_init, 3.6", unsure="between 3.2 and 3.6"),
           since("6.16", 32 << 20, "net/ipv4/tcp.c: tcp_init, 6.18", unsure="between 6.13 and 6.18")),
    flag("tcp_buffers_by_memory", "buffers' default maxima are a 128th of memory; before, of tcp_mem's second number",
         "net/ipv4/tcp.c: tcp_init, 3.6", since="3.6", unsure="between 3.2 and 3.6"),
    number("sock_min_sndbuf", "bytes below which pressure does not shrink a send buffer (SOCK_MIN_SNDBUF)",
           always(2048, "include/net/sock.h, 3.6"),
           since("3.12", 4608, "eea86af6b1e1 net: sock: adapt SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF, 3.12")),
    flag("sk_charges_shortage", "a socket asks for what its forward_alloc lacks; before, for the full size",
         "net: fix sk_wmem_schedule() and sk_rmem_schedule() errors, 6.0", since="6.0"),
    flag("sk_gives_back_at_once", "a socket keeps less than a page ahead",
         "4890b686f408 net: keep sk->sk_forward_alloc as small as possible, 6.0", since="6.0"),
    flag("sk_gives_back_2mib", "a socket that has 2 MiB ahead gives one back",
         "20c64d5cd5a2 net: avoid sk_forward_alloc overflows, 4.9", since="4.9", until="6.0"),
    flag("sk_per_cpu_reserve", "CPUs keep pages to themselves before they change the shared counter", PCPU,
         since="6.0"),
    flag("skmem_charges_anyway", "a group that is over its limit is charged all the same, and the socket held back",
         "mm/memcontrol.c: mem_cgroup_charge_skmem, 4.5; 4b1327be9fe5 net-memcg: pass in gfp_t mask to "
         "mem_cgroup_charge_skmem(), 5.15", until="5.15"),
    flag("skmem_atomic_is_privileged", "packets that arrive are charged to a group beyond its limit",
         "720ca52bcef2 net-memcg: avoid stalls when under memory pressure, 6.1; try_charge_memcg lets __GFP_HIGH pass",
         since="6.1"),
    flag("fair_share_by_machine", "only pressure on the machine asks for a fair share, not that on a group",
         "2d0c88e84e48 sock: Fix misuse of sk_under_memory_pressure(), 6.6", since="6.6"),
    sysctl("tcp_mem_min", always(None, "three quarters of tcp_mem_pressure, tcp_init")),
    sysctl("tcp_mem_pressure", always(None, "nr_free_buffer_pages / 16, / 8 to 4.1, at least 128, tcp_init")),
    sysctl("tcp_mem_max", always(None, "twice tcp_mem_min, tcp_init")),
    sysctl("tcp_wmem_default", always(16384, V3_1)),
    sysctl("tcp_wmem_max", always(None, "tcp_init")),
    sysctl("tcp_rmem_default", always(87380, V3_1), since("4.20", 131072, "as tcp_rmem[1] of tcp_init, 4.20")),
    sysctl("tcp_rmem_max", always(None, "tcp_init")),
    *(within(name, always((1, MOST), "an arbitrary most")) for name in ("tcp_mem_min", "tcp_mem_pressure",
                                                                       "tcp_mem_max")),
    *(within(name, always((4096, MOST), "SK_MEM_QUANTUM; an arbitrary most")) for name in (
        "tcp_wmem_default", "tcp_wmem_max", "tcp_rmem_default", "tcp_rmem_max")),
    sysctl("mem_pcpu_rsv", since("6.9", 256, "net: make SK_MEMORY_PCPU_RESERVE tunable, posted February 2024",
                                 unsure="6.9 or 6.10")),
    within("mem_pcpu_rsv", since("6.9", (1, MOST), "net/core/sysctl_net_core.c; an arbitrary most",
                                 unsure="6.9 or 6.10")),
    gap("2.6.32", "6.18", "SO_RESERVE_MEM, udp_mem and sctp_mem have no mechanism; all sockets are TCP's"),
)  # fmt: skip
