"""Disks over iSCSI: the kernel carries data, a program logs in.

A silent target is pinged; when the answer does not come the connection is lost, requests are held, and iscsid has to
make another session before replacement_timeout. Source: drivers/scsi/libiscsi.c, iscsi_tcp.c, scsi_transport_iscsi.c.
"""
