"""The initiator's daemon: when a connection is lost it makes another session, in user context, with GFP_KERNEL.

It has locked its memory (mlockall), so it is never swapped out; what it asks the kernel for may have to be reclaimed
first, though, and what is reclaimed may have to go over the connection that is lost.
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, sleep_until, wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import SWAP_ISCSI
from mmrun.model.mm.task.state import EVERY_NODE
from mmrun.model.net.link.state import wires
from mmrun.model.net.session.connection import reconnect
from mmrun.model.net.session.find import nth
from mmrun.model.net.session.state import UP, sessions

RETRY = 2 * SECOND  # until it tries again after a log-in that failed (iscsid's reopen, estimate)
ROUND_TRIPS = 2  # of the log-in phase: security and operational parameters
LOGIN_TIMEOUT = 15 * SECOND  # node.conn[0].timeo.login_timeout


@kernel
def _log_in(m, s):
    """Open a socket and log in; whether there is a session."""
    pfn = alloc_pages(m, GFP_KERNEL, 0, cpus(m)[turn(m).cpu].node, EVERY_NODE)  # netlink messages, the socket
    if pfn == NONE:
        return False
    page = frames(m)[pfn]
    page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
    e, connected = sessions(m)[s], False
    if e.stopped:  # its kernel takes the connection, nobody answers the log-in
        sleep_until(m, m.now + LOGIN_TIMEOUT)
    else:
        sleep_until(m, m.now + ROUND_TRIPS * wires(m)[e.link].rtt)
        connected = reconnect(m, s)
    frames(m)[pfn].state = 0
    free_frame(m, turn(m).cpu, pfn)
    return connected


@actor(per="iscsid", at_boot=True)
def iscsid(m, number):
    """Make a new session whenever one is lost."""
    s = nth(m, SWAP_ISCSI, number)
    e = sessions(m)[s]
    while True:
        if e.state == UP:
            wait(m, e.watchers, FOREVER)
        elif not _log_in(m, s):
            sleep_until(m, m.now + RETRY)
    return 0
