"""Sockets of NBD and of swap files on NFS may use what is below the watermarks (SOCK_MEMALLOC), those of iSCSI not.

Their threads run with PF_MEMALLOC, what comes for others is dropped if it lies in reserves.
"""

SOURCE = "Mel Gorman, swap over NBD and NFS, 3.6: nbd: set SOCK_MEMALLOC for access to PFMEMALLOC reserves"
TAGGED = "nbd nfs"
