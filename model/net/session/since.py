"""Swap over the network: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, since

DATED: Dated = (
    axis(
        "swap_reserves",
        always("none", "net/core/sock.c, 3.1: there is no SOCK_MEMALLOC"),
        since("3.6", "nbd-nfs", "c93bdd0e03e8 netvm: allow skb allocation to use PFMEMALLOC reserves, 3.6; "
              "iscsi_tcp.c of 3.6 tags nothing"),
        since("4.1", "all", "drivers/scsi/iscsi_tcp.c: iscsi_sw_tcp_conn_bind, 6.12", "iSCSI: between 3.7 and 6.12"),
    ),
    flag("blk_mq_timeouts", "NBD times requests, not sends", "nbd: use blk-mq timeouts (0eadf37afc25), 4.9; before, a "
         "timer since the request began, 4.2", since="4.2"),
    flag("rpc_noreclaim", "who sends calls of swap has PF_MEMALLOC; before, its socket's allocations alone may use "
         "reserves", "SUNRPC: improve 'swap' handling: scheduling and PF_MEMALLOC, 5.18", since="5.18"),
    flag("rpc_connects_noreclaim", "who connects a transport of swap has PF_MEMALLOC",
         "a564b8f03986 nfs: enable swap on NFS: xs_tcp_setup_socket, 3.6", since="3.6",
         unsure="it was missing before 5.18, from a version that was not found"),
    flag("rpc_copies", "data of calls is copied into the socket's buffers",
         "net/sunrpc/xprtsock.c: xprt_sock_sendmsg, 6.12 (to 5.x sendpage)", since="6.5"),
    flag("io_flusher", "iscsid's own allocations start no I/O (PR_SET_IO_FLUSHER)",
         "iscsid: set PR_SET_IO_FLUSHER (72949ef), open-iscsi of July 2021", since="5.14",
         unsure="the kernel has it since 5.6; which open-iscsi a system has is not its version's"),
    gap("3.2", "4.0", "swap over iSCSI is as unprotected as 3.6 is, whose source was read"),
    gap("4.2", "6.18", "a device of NBD has one connection"),
)  # fmt: skip
