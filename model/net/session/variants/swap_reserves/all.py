"""Sockets of NBD, NFS and iSCSI may use what is below the watermarks (SOCK_MEMALLOC), so may their threads."""

SOURCE = "drivers/scsi/iscsi_tcp.c: iscsi_sw_tcp_conn_bind, 6.12"
TAGGED = "nbd nfs iscsi"
