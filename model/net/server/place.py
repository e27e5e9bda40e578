"""Threads and page caches of storage servers."""

from mmrun.model.block.place import clients
from mmrun.model.block.settings import ServedSwap
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.net.server.server_thread import server_thread
from mmrun.model.net.server.state import server_pages, server_threads
from mmrun.model.net.session.state import sessions
from mmrun.model.units import PAGE

THREADS = {"nbd": 1, "nfs": 8, "iscsi": 16}  # ServedSwap.server_threads


def _served(plan: Plan) -> dict[str, ServedSwap]:
    return {name: area for name, area in clients(plan.cell.machine).items() if isinstance(area, ServedSwap)}


def _threads(area: ServedSwap) -> int:
    return THREADS[area.kind] if area.server_threads is None else area.server_threads


def _pages(area: ServedSwap) -> int:
    return area.size // PAGE if area.server_cache else 0


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    areas = _served(plan).values()
    return {"server_pages": sum(map(_pages, areas)), "server_threads": sum(map(_threads, areas))}


def actors(plan: Plan) -> dict[str, int]:
    """Threads of all servers."""
    served = _served(plan)
    return {"server_thread": sum(map(_threads, served.values()))} if served else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (server_thread,) if _served(plan) else ()


def place(built: Built) -> None:
    """Say which thread is whose, and which blocks may be in which cache."""
    m, first, thread = built.memory.m, 0, 0
    machine = built.cell.machine
    for name, area in _served(built.plan).items():
        s = list(clients(machine)).index(name)
        row, count = sessions(m)[s], _pages(area)
        server_threads(m)[thread : thread + _threads(area)] = s
        thread += _threads(area)
        row.first_page, row.cache_pages = first, area.server_cache // PAGE
        row.lru.head = row.lru.tail = NONE
        server_pages(m)["session"][first : first + count] = s
        first += count
