"""Network block devices: a thread sends, the client program receives inside an ioctl, later a worker of the kernel.

A reply that is lost is never missed to 3.19, as only sending is timed; since 4.0 requests are, if a timeout was set.
Without one an only connection is waited for, for ever. Source: drivers/block/nbd.c, 3.1, 3.6, 6.12.
"""
