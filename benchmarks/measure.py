"""How things are measured: CPU time, medians, peers in the same run."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One line of the result: a measured value beside what it is compared with.

    `value` and `peer` are in `unit`; `score` is what `floor` and `aim` are stated for, in `score_unit` (a ratio, or the
    value itself), and `higher` says in which direction it is better. Without floor and aim the row is for information.
    """

    group: str
    what: str
    value: float
    unit: str
    score: float
    score_unit: str = ""
    peer: float | None = None
    peer_name: str = ""
    floor: float | None = None
    aim: float | None = None
    higher: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """`aim`, `floor` or `below`: the better of the two goals that is met; empty without goals."""
        if self.floor is None or self.aim is None:
            return ""

        def reaches(goal: float) -> bool:
            return self.score >= goal if self.higher else self.score <= goal

        return "aim" if reaches(self.aim) else "floor" if reaches(self.floor) else "below"


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Median CPU time of this process over `repeats` calls."""
    took = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return statistics.median(took)


@dataclass(frozen=True)
class Child:
    """What a finished child process used, its own children included."""

    cpu_s: float
    wall_s: float
    max_rss_bytes: int
    stdout: str


def run_child(arguments: Sequence[str], env: Mapping[str, str] | None = None, ok: Sequence[int] = (0,)) -> Child:
    """Run a program to its end and account for it; RuntimeError with its stderr when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [*arguments], cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in ok:
        raise RuntimeError(f"{' '.join(arguments)[:200]} exited {done.returncode}: {done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Child(cpu, wall, after.ru_maxrss * 1024, done.stdout)


def child_cpu(
    arguments: Sequence[str], repeats: int = 3, env: Mapping[str, str] | None = None, ok: Sequence[int] = (0,)
) -> float:
    """Median CPU time of a child process over `repeats` runs, after one run that fills the caches."""
    run_child(arguments, env, ok)
    return statistics.median(run_child(arguments, env, ok).cpu_s for _ in range(repeats))


def python(code: str) -> list[str]:
    """The command that runs `code` in a fresh interpreter."""
    return [sys.executable, "-c", code]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
