"""Whether anybody gets anywhere: looked at once a second (check_hung_uninterruptible_tasks).

The engine stops for it between two turns, where it would look for the end of the run, so that it costs nothing in
between, and never changes who runs.
"""

from mmrun.model.block.state import block_state, disks
from mmrun.model.core.accounting import ASIDE, ASLEEP, FOR_CPU
from mmrun.model.core.actors import NEVER
from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.state import actors
from mmrun.model.hung_task.settings import HUNG_TASK_SECONDS, PARTNER_SECONDS
from mmrun.model.hung_task.state import DEADLOCK, LIVELOCK, life
from mmrun.model.machine.state import geometry, progress, run_settings, task_count
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.mm.task.state import tasks
from mmrun.model.net.link.state import wires
from mmrun.model.net.session.state import BOOT, DOWN, GO, sessions

LOOK_NS = 1_000_000_000
HUNG_NS, PARTNER_NS = HUNG_TASK_SECONDS * LOOK_NS, PARTNER_SECONDS * LOOK_NS
BITS = (1 << 56) - 1


@kernel
def _mixed(seen, number):
    return seen * 31 + number & BITS


@rare
@kernel
def signs_of_life(m):
    """A number that is another one once a task has got on, or a page was read, written or reclaimed."""
    count = reclaim_count(m)
    seen = _mixed(progress(m).tasks_left, progress(m).accesses)
    seen = _mixed(seen, count.pgsteal_kswapd + count.pgsteal_direct + count.pgsteal_proactive)
    for disk in range(len(disks(m))):
        d = disks(m)[disk]
        seen = _mixed(seen, d.reads + d.writes - d.write_errors)
    for t in range(geometry(m).nr_tasks):
        seen = _mixed(_mixed(seen, tasks(m)[t].pos), task_count(m)[t].think_ns)
    return seen


@rare
@kernel
def in_kernel(m, t):
    """Whether task `t` is in the kernel, and not to sleep as long as it likes."""
    doing = actors(m)[t].doing
    return doing & ~(ASLEEP | FOR_CPU) and not doing & ASIDE


@rare
@kernel
def in_socket(m, t):
    """Whether task `t` waits for what another machine sends: it has no time of its own."""
    return actors(m)[t].doing & ASIDE and actors(m)[t].waits


@rare
@kernel
def somebody_free(m):
    """Whether some task can do without the kernel, or a disk is about to end something.

    Tasks that wait for another machine tell nothing while others are held up; alone they are a machine that idles.
    """
    held = waiting = False
    for t in range(geometry(m).nr_tasks):
        if tasks(m)[t].state == DONE or tasks(m)[t].state == KILLED:
            continue
        if in_kernel(m, t):
            held = True
        elif in_socket(m, t):
            waiting = True
        else:
            return True
    return block_state(m).nr_io > 0 or (waiting and not held)


@rare
@kernel
def patience(m):
    """How long nothing may happen (ns); longer while a link is cut or a server is gone, for ever if it is to come back.

    Who waits for another machine gives up some day, and requests that are held for a connection fail.
    """
    for s in range(len(sessions(m))):
        server = sessions(m)[s]
        if server.stopped or server.crashed:
            return NEVER if min(server.outage[GO], server.outage[BOOT]) < NEVER else PARTNER_NS
        if server.state == DOWN and 0 < server.replacement + server.dead_conn < PARTNER_NS:
            return PARTNER_NS
    for link in range(len(wires(m))):
        if wires(m)[link].cut:
            return PARTNER_NS
    return HUNG_NS


@rare
@kernel
def hung(m, soon):
    """Look for signs of life now that nothing happens until time `soon`; whether it is too long since there was one."""
    seen, own = signs_of_life(m), life(m)
    if seen != own.seen or somebody_free(m):
        own.seen, own.since = seen, m.now
    elif soon - max(own.since, own.hope) >= patience(m):
        m.now = max(m.now, max(own.since, own.hope) + patience(m))
        dies(m, LIVELOCK, own.since)
        return True
    own.look_at = soon + LOOK_NS
    own.stop_at = min(run_settings(m).duration, own.look_at, own.snapshot_at)
    return False


@rare
@kernel
def dies(m, cause, since):
    """The machine is dead, of a DEADLOCK or a LIVELOCK, since then."""
    life(m).cause, life(m).since, life(m).found = cause, since, m.now


@rare
@kernel
def deadlocked(m):
    """Nobody will ever run again."""
    dies(m, DEADLOCK, m.now)
