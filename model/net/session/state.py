"""Sessions with storage servers, requests on their way to them."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.net.session.settings import SESSION_COUNTERS, TIME_BUCKETS

UP, DOWN, DEAD = 0, 1, 2  # SESSION.state: requests go out, wait for a connection, fail
# Which of a session's lists a request is in: it waits to be sent, is on its way to the server, or before it waits in
# a socket there; is served; its answer is under way.
WAITING, OUTGOING, SERVED, INCOMING = 0, 1, 2, 3
LISTS = 4
STOP, GO, CRASH, BOOT = 0, 1, 2, 3  # SESSION.outage: the server stops, goes on, is gone, is there again

# A client's session, over `sockets` or without any. `disk`: the client's row; `sock`, `far`: ends of its connection,
# which is the `epoch`-th; `since`: when `state` began; `heard`, `pinged`, `sending`: when something came last, a ping
# went out (0: none is), the present send began (0: none); `call`, `reply`: bytes of a message without data, by read (0)
# and write; `by_page`: data is referenced, not copied; `memalloc`: its threads run with PF_MEMALLOC,
# `connects_memalloc`: who connects does; `tagged`: its socket may use reserves; `gfp`: of its allocations; `timed`:
# somebody watches how long requests take. From `timeout` to `nop_timeout`: rules of its kind (ns). From `server` on:
# the server's disk (NONE: none), its threads, page cache, when it stops and crashes; `journal`: its writes are
# committed, `committed` transactions are, the next is `transaction`. `half`: a frame with one RPC buffer in use and one
# free (NONE: there is none), `spare`: free ones of the pool. `daemon`: the task whose memory iscsid's is (NONE: there
# is none), of which it needs `daemon_pages` to log in.
SESSION = row(
    kind="i8", disk="i8", link="i8", sock="i8", far="i8", state="i8", epoch="i8", since="i8",
    lists=(LIST, (LISTS,)), free_rq="i8", nr_rqs="i8", heard="i8", pinged="i8", sending="i8",
    senders=WAIT_QUEUE, receivers=WAIT_QUEUE, watchers=WAIT_QUEUE, workers=WAIT_QUEUE,
    call=("i8", (2,)), reply=("i8", (2,)), by_page="i8", memalloc="i8", connects_memalloc="i8", tagged="i8", gfp="i8",
    timed="i8",
    timeout="i8", dead_conn="i8", soft="i8", timeo="i8", retrans="i8", replacement="i8", nop_interval="i8",
    nop_timeout="i8",
    server="i8", protocol="i8", first_block="i8", through="i8", receiving="i8", replying="i8",
    stopped="i8", crashed="i8", outage=("i8", (4,)), never=WAIT_QUEUE, sockets="i8",
    first_page="i8", cache_pages="i8", lru=LIST, nr_dirty="i8",
    journal="i8", transaction="i8", committed="i8", committing="i8", commits="i8",
    half="i4", spare="i8", daemon="i8", daemon_pages="i8",
)  # fmt: skip
# A request on its way. `number`: the block layer's (NONE: a ping); `began`, `at`: when it came, when it was sent last
# (ns); `buffer`: frame of its RPC buffer (NONE: none).
RQ = row(
    next="i4", prev="i4", session="i4", number="i4", list="i4", write="i4", pages="i4", failed="i4", tries="i4",
    buffer="i4", block="i8", at="i8", began="i8",
)  # fmt: skip

sessions = table(410, "sessions", SESSION)
rqs = table(411, "rqs_of_sessions", RQ)
session_count = counts(412, "session_count", *SESSION_COUNTERS)
# How long requests took from the block layer's queue to their end, by read (0) and write: see mm/task/calls.py.
request_times = one(413, "request_times", row(calls=("i8", (2, TIME_BUCKETS))))
session_settings = one(414, "session_settings", row(blk_mq_timeouts="i8", io_flusher="i8"))
