"""Swap files on a file server: calls of sunrpc, whose buffers come from a small pool when memory is short.

To 5.18 a reclaimer writes a page and waits for the answer; then 32 adjacent pages go in a call and nobody waits. Writes
are FILE_SYNC, so no COMMIT follows. A call that is not answered is sent again over another connection, for ever on a
hard mount. Source: net/sunrpc/sched.c, xprt.c, xprtsock.c, fs/nfs/direct.c, 3.6, 6.12.
"""
