"""A process that runs the front end for kernels of the model.

It reads tasks from a connection and answers each with the entries it made, or with what went wrong.
"""

import gc
import signal
from multiprocessing.connection import Connection
from typing import NamedTuple

from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.library.entry import Entry
from mmrun.model.library.key import callees, name, standard, version


class Task(NamedTuple):
    """Kernels to compile, by name, and the result types (pickled, by version) that have become known."""

    names: tuple[str, ...]
    facts: dict[str, bytes]


class Answer(NamedTuple):
    """What a task came to: entries, and kernels that cannot be compiled with the reason."""

    entries: list[Entry]
    failed: dict[str, str]


def index() -> dict[str, Kernel | Hook]:
    """Every kernel and hook of the model, by name."""
    from mmrun.model.library.main import import_all

    todo = [
        value
        for module in import_all()
        for value in vars(module).values()
        if isinstance(value, Kernel | Hook)
    ]  # fmt: skip
    found: dict[str, Kernel | Hook] = {}
    while todo:
        one = todo.pop()
        if name(one) not in found:
            found[name(one)] = one
            todo += callees(one).values()
    return found


def compile_names(known: dict[str, Kernel | Hook], task: Task) -> Answer:
    """Do one task."""
    from mmrun.model.library import frontend

    entries: dict[str, Entry] = {}
    failed: dict[str, str] = {}
    for one in task.names:
        of, arguments = known[one], standard(known[one])
        facts = task.facts | {entry.version: entry.restype for entry in entries.values() if entry.restype}
        try:
            made = frontend.compile_entries(of, frontend.types_of(arguments), facts)
        except Exception as error:  # of numba or of the kernel: whoever needs the kernel will see it again
            failed[one] = f"{type(error).__name__}: {error}"
            made = [Entry(one, arguments, version(of, arguments), "", b"", (), b"")]
        entries |= {entry.version: entry for entry in made}
    return Answer(list(entries.values()), failed)


def serve(connection: int) -> None:
    """Do tasks until the connection, an inherited file descriptor, is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    gc.disable()  # a seventh of the time; what numba leaves behind for one kernel is small
    pipe = Connection(connection)
    known = index()
    facts: dict[str, bytes] = {}
    while True:
        try:
            task = pipe.recv()
            facts |= task.facts
            answer = compile_names(known, task._replace(facts=facts))
            pipe.send(answer)
            facts |= {entry.version: entry.restype for entry in answer.entries if entry.restype}
        except (EOFError, OSError):
            return
