"""Tasks that wait for a free request of a disk's queue: in turn, killed there, or with no need for one any more."""

from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_NORMAL, disks
from mmrun.model.block.wait import wait_for_request, wake_for_request
from mmrun.model.core.accounting import NOTHING
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Disk
from mmrun.model.mm.limits.oom import kill_largest
from tests.model.actors import Entered, life, waiting
from tests.model.test_writeback import dirty_files


@life
def take_request(m, disk):
    """The running task wants a request."""
    get_request(m, disk, IO_NORMAL, NONE, NOTHING)
    disks(m)[disk].nr_allocated += 1
    return 0


@life
def look_once(m, disk):
    """The running task waits for room, and needs no request when it wakes."""
    wait_for_request(m, disk)
    return 0


def test_a_task_that_is_killed_in_its_sleep_takes_nobodys_turn():
    """Two tasks wait for the queue; the first is killed there: it wakes for nothing, the second gets the request."""
    built = dirty_files("3.1", 10, 10, disk=Disk(kind="hdd"))
    m, disk = built.memory.m, disks(built.memory.m)[0]
    limit, now = int(disk.nr_requests), int(m.now)
    disk.nr_allocated = 1 << 20
    first, second = (Entered(built, t, take_request, 0) for t in (0, 1))
    assert waiting(built, disk.room) == [0, 1] and first.until == second.until == FOREVER
    built.memory.table("pte")[int(built.memory.table("tasks")[0].pte_start)] = 1  # it has something to lose
    kill_largest(m)
    assert built.memory.table("tasks")["killed"].tolist() == [1, 0] and first.until == now
    assert first.go_on() == FOREVER and waiting(built, disk.room) == [1, 0]
    disk.nr_allocated = limit - 1
    wake_for_request(m, 0, now + 7)
    assert second.until == now + 7 and second.go_on(now + 7) == 0 and waiting(built, disk.room) == [0]
    disk.nr_allocated = limit - 1
    wake_for_request(m, 0, now + 9)
    assert first.until == now + 9 and first.go_on(now + 9) == 0 and waiting(built, disk.room) == []


def test_an_empty_queue_wakes_everybody():
    """Who is woken may need no request any more: nobody may be left asleep then."""
    built = dirty_files("3.1", 10, 10, disk=Disk(kind="hdd"))
    both = [Entered(built, t, look_once, 0) for t in (0, 1)]
    at = int(built.memory.m.now) + 7
    wake_for_request(built.memory.m, 0, at)
    assert [task.until for task in both] == [at, at] and waiting(built, disks(built.memory.m)[0].room) == []
