"""Front ends of many kernels: callees before their callers, on all cores where there are many to do."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mmrun.model.core.cpus import cores
from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.library.key import callees, name
from mmrun.model.library.store import Store
from mmrun.model.library.worker import Answer, Task, compile_names

FEW = 30  # kernels that are not worth starting processes for
BATCH = 8  # kernels a worker is given at once
MOST_WORKERS = 16  # each holds numba and the model in memory
Root = tuple[Kernel | Hook, str]
Say = Callable[[str], None]


def reachable(roots: Iterable[Kernel | Hook]) -> list[Kernel | Hook]:
    """The roots and every kernel their code names, callees first."""
    found: dict[Kernel | Hook, None] = {}
    seen: set[Kernel | Hook] = set()
    todo: list[tuple[Kernel | Hook, bool]] = [(root, False) for root in roots]
    while todo:
        one, done = todo.pop()
        if done:
            found[one] = None
        elif one not in seen:
            seen.add(one)
            todo.append((one, True))
            todo += [(callee, False) for callee in callees(one).values()]
    return list(found)


def complete(store: Store, roots: list[Root], say: Say) -> int:
    """Compile whatever the roots need and the store lacks; how many kernels that were."""
    wanted = [one for one in reachable(of for of, _ in roots) if store.fresh(one) is None]
    ours = [one for one in wanted if one.fn.__module__.startswith("mmrun.model.")]
    if len(ours) > FEW and cores() > 1:
        say(f"compiling {len(ours)} kernels on {cores()} cores")
        _in_processes(store, ours, say)
    elif ours:
        say(f"compiling {len(ours)} kernel{'s' if len(ours) > 1 else ''}")
    for one in reachable(of for of, _ in roots):
        if store.fresh(one) is None:
            store.add(compile_names({name(one): one}, Task((name(one),), store.facts())).entries)
    missing = [root for root in roots if _lacks(store, root)]
    for of, arguments in missing:
        from mmrun.model.library import frontend

        store.add(frontend.compile_entries(of, frontend.types_of(arguments), store.facts()))
    return len(wanted) + len(missing)


def _lacks(store: Store, root: Root) -> bool:
    try:
        store.closure([root])
    except KeyError:
        return True
    return False


class _Worker:
    """A process that compiles."""

    def __init__(self) -> None:
        self.pipe, theirs = Pipe()
        # What is importable here is there, but nothing by being in the directory that a user happens to be in.
        paths = [str(Path(entry).resolve()) for entry in sys.path if entry]
        serve = (
            f"import sys; sys.path += {paths!r}; from mmrun.model.library.worker import serve; serve({theirs.fileno()})"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", serve], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self.told: set[str] = set()
        self.names: tuple[str, ...] = ()

    def give(self, names: tuple[str, ...], facts: dict[str, bytes]) -> None:
        """Let it compile these."""
        self.names = names
        self.pipe.send(Task(names, {which: facts[which] for which in facts.keys() - self.told}))
        self.told |= facts.keys()

    def take(self) -> Answer:
        """What came of it."""
        try:
            answer: Answer = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(f"a process that compiled kernels ended with {self.process.wait()}") from error
        self.names = ()
        return answer

    def stop(self) -> None:
        """End it."""
        self.pipe.close()
        self.process.kill()
        self.process.wait()


def _in_processes(store: Store, wanted: list[Kernel | Hook], say: Say) -> None:
    """Compile the kernels, each after those it calls."""
    waits = {one: {callee for callee in callees(one).values() if callee in set(wanted)} for one in wanted}
    facts, total, done = store.facts(), len(wanted), 0
    workers = [_Worker() for _ in range(min(cores(), MOST_WORKERS, len(wanted) // BATCH + 1))]
    by_name = {name(one): one for one in wanted}
    busy: dict[Any, _Worker] = {}
    try:
        idle = list(workers)
        while waits or busy:
            ready = [one for one, on in waits.items() if not on]
            if not ready and not busy:  # a name that is no call made a circle of them
                ready = [next(iter(waits))]
            while idle and ready:
                size = max(1, min(BATCH, len(ready) // (2 * len(workers))))
                batch, ready = ready[:size], ready[size:]
                worker = idle.pop()
                worker.give(tuple(map(name, batch)), facts)
                busy[worker.pipe] = worker
                for one in batch:
                    del waits[one]
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                worker = busy.pop(pipe)
                finished = {by_name[one] for one in worker.names}
                answer = worker.take()
                store.add(answer.entries)
                facts |= {entry.version: entry.restype for entry in answer.entries if entry.restype}
                idle.append(worker)
                for on in waits.values():
                    on -= finished
                if (done + len(finished)) * 10 // total > done * 10 // total:
                    say(f"compiled {done + len(finished)} of {total} kernels")
                done += len(finished)
    finally:
        for worker in workers:
            worker.stop()
