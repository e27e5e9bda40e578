"""Sessions with storage servers: a connection, and the requests that are on their way over it.

What all transports share. A request of the block layer is one message to the server and one back; a message is known by
its place in the stream, so each direction has a list of those that are under way. A request is in one list at a time,
whatever becomes of the connection. Source: drivers/block/nbd.c, net/sunrpc/xprt.c, drivers/scsi/libiscsi.c.
"""
