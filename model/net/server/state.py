"""Page caches of storage servers, and whose threads are whose."""

from mmrun.model.core.record import row, table

ABSENT, CLEAN, DIRTY = 0, 1, 2

server_pages = table(415, "server_pages", row(next="i4", prev="i4", state="i4", session="i4"))  # blocks that may be in
server_threads = table(416, "server_threads", "i8")  # the session that a thread serves
