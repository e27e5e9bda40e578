"""Reclaimers on a machine before its first event: what puts them to sleep, and until when."""

from mmrun.model.build import Built
from mmrun.model.core.jit import caller
from mmrun.model.description import Disk, Region, Variant
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.reclaim.throttle import TENTH_NS
from mmrun.model.mm.reclaim.vmscan import own_scan
from mmrun.model.units import GiB
from tests.model.actors import Entered, kswapd_of, life, own_scan_of
from tests.model.cells import machine, machine_of, one

HDD = {"d": Disk(kind="hdd", size=16 * GiB)}
DIRECT, KSWAPD = 0, 1  # task 0; the actor after it, kswapd of node 0
throttle_batch, throttle_node = caller("throttle_batch"), caller("throttle_node")


@life
def after_a_batch(m, number):
    """What a reclaimer does after a batch and after a node."""
    throttle_batch(m, own_scan(m))
    throttle_node(m, own_scan(m))
    return 0


def host(era: str, disks: dict[str, Disk] | None = None, policy: dict[str, Variant] | None = None) -> Built:
    """A machine before its first event, at time one second."""
    cell = one(era, machine(64, disks=disks or HDD), Region(kind="file", disk="d"), policy=policy or {})
    built = machine_of(cell)
    assert kswapd_of(built) == KSWAPD
    built.memory.m.now = 10**9
    return built


def scan(built: Built, who: int, **fields: int):
    """The scan control of an actor's reclaim for the whole machine."""
    sc = built.memory.table("scans")[own_scan_of(who)]
    sc.node, sc.zone, sc.memcg, sc.kswapd, sc.may_enter_fs, sc.may_writepage = 0, 0, 0, int(who == KSWAPD), 1, 1
    sc.may_io = 1
    for name, value in fields.items():
        sc[name] = value
    return sc


def met(built: Built, who: int = KSWAPD, priority: int = 12, **stat: int) -> int:
    """Until when a batch with these counts puts the reclaimer to sleep; 0: not at all."""
    sc = scan(built, who, priority=priority)
    for name in ("taken", "file", "dirty", "unqueued_dirty", "congested", "writeback", "immediate"):
        sc.batch_stat[name] = sc.node_stat[name] = stat.get(name, 0)
    sc.batch_stat["late_dirty"], sc.batch_stat["late_congested"] = stat.get("late_dirty", 0), stat.get("full", 0)
    return Entered(built, who, after_a_batch).until


def timeout(built: Built, ns: int = TENTH_NS) -> int:
    """When a sleep of so many ns that begins after one second ends."""
    m = built.memory.m
    now, m.now = int(m.now), 10**9
    until = 10**9 + int(timeout_ns(m, ns))
    m.now = now
    return until


def after_a_pass(built: Built, who: int, **fields: int) -> int:
    """The same after a pass at one priority."""
    scan(built, who, **fields)
    return Entered(built, who, "throttle_pass", own_scan_of(who), 0).until
