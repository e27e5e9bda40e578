"""Domains without units: machines whose addresses are given out and taken back, and nothing is translated."""

from typing import Any
from unittest.mock import patch

from mmrun.model.build import Built
from mmrun.model.core.jit import INTERPRETED, python_hook
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Machine, Node, Variant
from mmrun.model.dma.iova import place
from mmrun.model.dma.iova.flush_queue import fq_flush_timeout, queue_iova
from mmrun.model.dma.iova.state import iova_domains, iova_settings
from mmrun.model.hooks import HOOK_INDEX
from mmrun.model.units import MiB
from tests.model.cells import call, given, machine_of

TOP = 0xFFFFF  # highest page below 4 GiB


def domains(kernel: str, variant: str | None = None, count: int = 1, cpus: int = 1, nodes: int = 1,
            params: dict[str, Any] | None = None) -> Built:  # fmt: skip
    """A machine with so many domains."""
    policy = {"iova": Variant(variant=variant, params=params or {})} if variant else {}
    host = Machine(nodes=tuple(Node(memory=64 * MiB, cpus=cpus) for _ in range(nodes)))
    with patch.object(place, "domains", lambda _: count):
        built = machine_of(Cell(kernel=kernel, machine=host, tasks={"t": given()}, policy=policy))
    for name, ns in vars(built.cell.machine.costs).items():  # also those that another mechanism's cells have
        if name in iova_settings(built.memory.m).dtype.names:
            setattr(iova_settings(built.memory.m), name, ns)
    turn(built.memory.m).task = NONE
    return built


def asked(built: Built, hook: str, *args: int) -> int:
    """What a hook answers, also where kernels are plain Python."""
    if INTERPRETED:
        return int(python_hook(int(built.memory.m.hooks[HOOK_INDEX[hook]]))(built.memory.m, *args))
    return call(built, hook, *args)


def alloc(built: Built, pages: int, domain: int = 0, limit: int = TOP, hook: str = "alloc_iova") -> int:
    """First page of a range, 0: there is none."""
    return asked(built, hook, domain, pages, limit)


def free(built: Built, iova: int, pages: int, domain: int = 0) -> None:
    """Give it back, flushed."""
    asked(built, "free_iova", domain, iova, pages)


def unmap(built: Built, iova: int, pages: int, domain: int = 0) -> None:
    """Give it back when it has been flushed."""
    queue_iova(built.memory.m, domain, iova, pages, NONE)


def expire(built: Built, domain: int = 0) -> None:
    """Let the queue's timer go off, if it runs."""
    d = iova_domains(built.memory.m)[domain]
    if d.armed:
        built.memory.m.now = max(int(built.memory.m.now), int(d.due))
        fq_flush_timeout(built.memory.m, domain)
