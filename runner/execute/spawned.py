"""Processes beside the driver: how they are started, and how they speak.

They hear no Ctrl-C, which is the driver's to handle; the driver ends them by SIGKILL, whatever they are at.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import Any, NamedTuple

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


class Said(NamedTuple):
    """A sentence of the process for the user."""

    text: str


class Gone(Exception):
    """What a process stood for does not work any more, or never did: the environment's failure, no cell's."""


def spawned(name: str, target: Callable[..., None], *arguments: Any) -> tuple[SpawnProcess, Connection]:
    """A process that runs `target(pipe, *arguments)`, and our end of the pipe."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=target, args=(theirs, *arguments), daemon=True, name=name)
    with deaf(), without_main(), environment(thread_caps()):
        process.start()
    theirs.close()
    return process, ours


def thread_caps() -> dict[str, str]:
    """Environment of a worker: one thread in every numeric library, since every core runs a cell of its own."""
    return {f"{library}_NUM_THREADS": "1" for library in THREADS}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """The process environment with `values` set, for the time of a `with` block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def deaf() -> Iterator[None]:
    """What starts meanwhile ignores SIGINT. Only a main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)


@contextmanager
def without_main() -> Iterator[None]:
    """What starts meanwhile does not run the user's script again, as multiprocessing would have it do."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
