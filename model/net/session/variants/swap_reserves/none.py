"""No socket may use reserves: memory for sending, and for what comes back, has to be free (to 3.5)."""

SOURCE = "drivers/block/nbd.c, net/sunrpc/xprtsock.c, 3.1"
TAGGED = ""
