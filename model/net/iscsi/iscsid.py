"""The initiator's daemon: when a connection is lost it makes another session, in user context, with GFP_KERNEL.

Its memory is that of the task whose stream is `iscsid`, if there is one. What is not locked may have been swapped out,
to the connection that is lost: then it waits for its own page until requests fail, of which it dies. Without a task its
memory is locked and not counted. What it asks the kernel for may have to be reclaimed first, and what is reclaimed may
have to go the same way, until iscsid says that it is in the way of I/O (PR_SET_IO_FLUSHER).
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.codes import KILLED
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, sleep_until, wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.driver.requests import fault_in
from mmrun.model.mm.limits.oom import die
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, GFP_NOIO
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import SWAP_ISCSI, swap_count
from mmrun.model.mm.task.state import EVERY_NODE, PTE_DIRTY, PTE_PRESENT, PTE_YOUNG, pte, tasks
from mmrun.model.net.link.state import wires
from mmrun.model.net.session.connection import reconnect
from mmrun.model.net.session.find import nth
from mmrun.model.net.session.state import DEAD, UP, session_settings, sessions

RETRY = 2 * SECOND  # until it tries again after a log-in that failed (iscsid's reopen, estimate)
ROUND_TRIPS = 2  # of the log-in phase: security and operational parameters
LOGIN_TIMEOUT = 15 * SECOND  # node.conn[0].timeo.login_timeout


@kernel
def _uses_memory(m, s):
    """The program runs over its own pages, and has those brought in that are not there; False: it has died of that."""
    e = sessions(m)[s]
    for page in range(e.daemon_pages):
        word = tasks(m)[e.daemon].pte_start + page
        if not pte(m)[word] & PTE_PRESENT and not fault_in(m, e.daemon, page):
            swap_count(m).swap_sigbus += e.state == DEAD
            die(m, e.daemon)
            break
        pte(m)[word] |= PTE_YOUNG | PTE_DIRTY
    return lives(m, s)


@kernel
def lives(m, s):
    """Whether there is a program that can log in."""
    e = sessions(m)[s]
    return e.daemon == NONE or tasks(m)[e.daemon].state != KILLED


@kernel
def _log_in(m, s):
    """Open a socket and log in; whether there is a session."""
    gfp = GFP_NOIO if session_settings(m).io_flusher else GFP_KERNEL
    pfn = alloc_pages(m, gfp, 0, cpus(m)[turn(m).cpu].node, EVERY_NODE)  # netlink messages, the socket
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
        if e.state == UP or not lives(m, s):
            wait(m, e.watchers, FOREVER)
        elif _uses_memory(m, s) and not _log_in(m, s):
            sleep_until(m, m.now + RETRY)
    return 0
