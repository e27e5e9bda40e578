"""Sleeping in the middle of kernel code: wait queues, timeouts, who runs when, stacks and their ends."""

import platform
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sleep import resident
from mmrun.model import api
from mmrun.model.build import Built
from mmrun.model.core import stacks
from mmrun.model.core.actors import NEVER, earliest, schedule
from mmrun.model.core.codes import ASLEEP_IN_INTERRUPT
from mmrun.model.core.events import FSYNC, OP_SHIFT
from mmrun.model.core.jit import intrinsic, kernel
from mmrun.model.core.sleep import ALL, FOREVER, cond_resched, resume, sleep_until, wait, wake, wake_actor
from mmrun.model.core.state import actors
from mmrun.model.core.state import stacks as stacks_of
from mmrun.model.core.state import turn as turn_of
from mmrun.model.description import Cell, Disk, Region, Stream, Task
from mmrun.model.machine import actors as place_actors
from mmrun.model.mm.reclaim.state import congestion
from mmrun.model.units import MS, S
from tests.model.actors import Entered, asleep_until, due, go_on, life, put, waiting, word
from tests.model.cells import given, machine, machine_of, reads, run, writes
from tests.model.test_pure_python import cell as small_cell

ROOT = Path(__file__).resolve().parents[2]


def crowd(count: int = 3) -> Built:
    """A machine with `count` tasks that do nothing of their own accord, at time one second."""
    stream = Stream(kind="loop", params={"size": 4096, "accesses": 1})
    tasks = {"t": Task(stream=stream, memory=(Region(),), count=count)}
    built = machine_of(Cell(kernel="6.18", machine=machine(64), tasks=tasks), 1)
    built.memory.table("runqueue")[:] = NEVER
    built.memory.m.now = 10**9
    return built


@life
def wait_once(m, timeout):
    """Wait for a congested queue; how long it slept goes into the actor's `index`."""
    actors(m)[turn_of(m).actor].index = wait(m, congestion(m), timeout)
    return 0


@life
def pause(m, ns):
    """Sleep for so long."""
    sleep_until(m, m.now + ns)
    return 0


@life
def three_parts(m, ns):
    """Work in three parts of so long, each letting others run after it."""
    for part in range(1, 4):
        m.now += ns
        actors(m)[turn_of(m).actor].index = part
        cond_resched(m)
    return 0


def asleep_in_turn(built: Built, timeout: int = FOREVER) -> list[Entered]:
    """Every task waits, each 10 ns after the one before it."""
    found = []
    for t in range(len(built.tasks)):
        built.memory.m.now = 10**9 + 10 * t
        found.append(Entered(built, t, wait_once, timeout))
    return found


def test_who_has_waited_longest_wakes_first_and_so_many_wake_as_were_asked_for():
    built = crowd(4)
    m, sleepers = built.memory.m, asleep_in_turn(built)
    assert waiting(built, congestion(m)) == [0, 1, 2, 3] and {s.until for s in sleepers} == {FOREVER}
    assert wake(m, congestion(m), 2, 10**9 + 50) == 2
    assert waiting(built, congestion(m)) == [2, 3]
    assert [s.until - 10**9 for s in sleepers[:2]] == [50, 50] and sleepers[2].until == FOREVER
    assert [s.go_on(10**9 + 50) for s in sleepers[:2]] == [0, 0]
    assert built.memory.table("actors")["index"][:2].tolist() == [50, 40], "how long they slept"
    assert wake(m, congestion(m), ALL, 10**9 + 60) == 2 and wake(m, congestion(m), ALL, 10**9 + 60) == 0
    assert waiting(built, congestion(m)) == []


def test_a_wait_ends_with_its_timeout_and_leaves_the_queue_in_order():
    built = crowd(3)
    m = built.memory.m
    first, second, third = asleep_in_turn(built, 1000)
    assert (first.until, second.until, third.until) == (10**9 + 1000, 10**9 + 1010, 10**9 + 1020)
    assert second.go_on(second.until) == 0 and waiting(built, congestion(m)) == [0, 2]
    assert first.go_on(10**9 + 1011) == 0 and waiting(built, congestion(m)) == [2]
    assert third.go_on(third.until) == 0 and waiting(built, congestion(m)) == []
    assert built.memory.table("actors")["index"][:3].tolist() == [1011, 1000, 1000]
    assert wake(m, congestion(m), ALL, 10**9 + 2000) == 0 and due(built, 0) == NEVER


def test_who_is_woken_before_its_timeout_runs_then_and_only_then():
    built = crowd(1)
    (sleeper,) = asleep_in_turn(built, 1000)
    assert wake(built.memory.m, congestion(built.memory.m), 1, 10**9 + 400) == 1
    assert sleeper.until == 10**9 + 400 and sleeper.go_on(sleeper.until) == 0
    assert built.memory.table("actors")[0].index == 400 and due(built, 0) == NEVER


@pytest.mark.parametrize("by_queue", [True, False])
def test_nobody_wakes_before_it_fell_asleep(by_queue):
    """The waker's clock may be behind the sleeper's."""
    built = crowd(1)
    m = built.memory.m
    (sleeper,) = asleep_in_turn(built)
    if by_queue:
        wake(m, congestion(m), ALL, 10**9 - 5000)
    else:
        wake_actor(m, 0, 10**9 - 5000)
    assert sleeper.until == 10**9


def test_who_is_woken_for_another_reason_leaves_the_queue():
    built = crowd(2)
    m = built.memory.m
    first, second = asleep_in_turn(built)
    wake_actor(m, 0, 10**9 + 30)
    assert waiting(built, congestion(m)) == [0, 1], "until it runs"
    assert first.go_on(first.until) == 0 and waiting(built, congestion(m)) == [1] and second.until == FOREVER


def in_order(built: Built) -> list[tuple[int, int]]:
    """(actor, time) of every turn until all rest."""
    m, found = built.memory.m, []
    while True:
        who, at, _ = earliest(m)
        if at == NEVER:
            return found
        found.append((int(who), int(at) - 10**9))
        go_on(built, int(who), int(at))


def test_cond_resched_lets_those_run_whose_time_has_come():
    built = crowd(2)
    rows = built.memory.table("actors")
    rows["entry"][:2], rows["index"][0], rows["index"][1] = three_parts.address, 100, 40
    for t, begins in ((0, 0), (1, 10)):
        schedule(built.memory.m, t, 10**9 + begins)
    assert in_order(built) == [(0, 0), (1, 10), (1, 50), (1, 90), (0, 100), (1, 130), (0, 200), (0, 300)]


def test_of_two_that_want_to_run_at_once_the_first_does():
    built = crowd(3)
    rows = built.memory.table("actors")
    rows["entry"][:3], rows["index"][:3] = pause.address, 100
    for t in (2, 0, 1):
        schedule(built.memory.m, t, 10**9)
    assert in_order(built) == [(0, 0), (1, 0), (2, 0), (0, 100), (1, 100), (2, 100)]


@pytest.mark.parametrize("asleep", [lambda m: sleep_until(m, 5), lambda m: wait(m, congestion(m), 5), cond_resched])
def test_kernel_code_on_nobodys_stack_must_not_sleep(asleep):
    """A completion's, say: the machine stops with a message instead of losing the engine."""
    built = crowd(1)
    asleep(built.memory.m)
    assert built.memory.m.broken == ASLEEP_IN_INTERRUPT


@kernel
def _leaf(m, x):
    y = 3 * x + 1
    half = x * 0.5
    sleep_until(m, m.now + 7 + x % 5)
    return y + x + int(2 * half)


@kernel
def _branch(m, x):
    a, b, c, d = x + 1, 2 * x, x - 3, x ^ 0x55
    e = _leaf(m, a)
    sleep_until(m, m.now + 1 + x % 3)
    f = _leaf(m, c)
    return a * b + c * d + e - f


def branch(x: int) -> int:
    """The same without sleep."""
    return (x + 1) * 2 * x + (x - 3) * (x ^ 0x55) + 5 * (x + 1) + 1 - (5 * (x - 3) + 1)


@life
def with_locals(m, number):
    """Sleep three calls deep, then tell what became of the locals."""
    actors(m)[turn_of(m).actor].index = _branch(m, number)
    return 0


@kernel
def _everybody(m, count, now):
    m.now = now
    for who in range(count):
        resume(m, who)


def test_ten_thousand_tasks_asleep_at_once_keep_their_locals_and_little_memory():
    count = 10_000
    built = crowd(count)
    rows, m = built.memory.table("actors")[:count], built.memory.m
    rows["entry"], rows["index"] = with_locals.address, range(count)
    for turn in range(3):
        _everybody(m, count, 10**9 + 100 * turn)
        assert (rows["stack"] > 0).all() and len(set(rows["stack"].tolist())) == count
    if sys.platform.startswith("linux"):
        assert 0 < resident(built.stacks) < 64
    _everybody(m, count, 10**9 + 300)
    assert (rows["stack"] == 0).all() and stacks_of(m).spare == len(built.memory.table("spare_stacks"))
    assert rows["index"].tolist() == [branch(x) for x in range(count)]


FRAME = 4096


def _compiled_only(*_: int) -> int:
    raise AssertionError("these tests run compiled kernels")


_local = intrinsic("tests.model.actors_ir", "local", _compiled_only)


@life
def descend(m, depth):
    """Fill `depth` + 1 frames from the top of the stack down, sleep, return the sum of what stands in them."""
    place = _local((depth + 1) * FRAME)
    top, found = place + (depth + 1) * FRAME, 0
    for i in range(depth + 1):
        put(top - (i + 1) * FRAME, i)
    sleep_until(m, m.now + 1)
    for i in range(depth + 1):
        found += word(top - (i + 1) * FRAME)
    actors(m)[turn_of(m).actor].index = found
    return 0


def descends(depth: int) -> int:
    """What comes back from so deep."""
    built = crowd(3)
    assert built.stacks
    with built.stacks.watched():
        call = Entered(built, 1, descend, depth)
        call.go_on(call.until)
    return int(built.memory.table("actors")[1].index)


def in_a_process(code: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python code that knows this module's names."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.model.test_sleep import *\n{code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)


def test_twelve_frames_of_4_kib_fit_on_a_stack():
    assert descends(11) == sum(range(12))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fault handler is Linux's")
@pytest.mark.parametrize("depth", [16, 20, 10_000])
def test_a_full_stack_ends_the_process_with_a_message(depth):
    done = in_a_process(f"descends({depth}); print('survived')")
    assert done.returncode == 70 and done.stderr == stacks.FULL and done.stdout == b""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fault handler is Linux's")
def test_another_fault_ends_the_process_as_it_would_without_stacks():
    wild = "built = crowd(1)\nimport ctypes\nwith built.stacks.watched():\n    ctypes.string_at(8)"
    done = in_a_process(wild)
    assert done.returncode == -signal.SIGSEGV and stacks.FULL not in done.stderr


@pytest.mark.parametrize("era", ["3.1", "6.18"])
def test_stacks_of_libc_give_the_same_numbers(era, monkeypatch):
    own = api.simulate(small_cell(era), check=True)
    libc = stacks.routines("other")
    assert libc.switch != stacks.routines().switch
    monkeypatch.setattr(place_actors, "routines", lambda: libc)
    assert api.simulate(small_cell(era), check=True).metrics == own.metrics


ASSEMBLE = """
from llvmlite import binding as llvm
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
llvm.initialize_native_asmparser()
module = llvm.parse_assembly(stacks.assembly(NAME))
module.triple = f"{NAME}-linux-gnu"
module.verify()
made = llvm.Target.from_triple(module.triple).create_target_machine(reloc="pic").emit_object(module)
assert made[:4] == b"\\x7fELF", made[:4]
"""


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_the_routines_of_each_machine_assemble(name):
    """For another machine than this one, too, as far as an object file; LLVM aborts without a parser for it."""
    done = in_a_process(f"NAME = {name!r}\n{ASSEMBLE}")
    for lacking in (b"No available targets", b"asm parser"):
        if lacking in done.stderr and name != platform.machine():
            pytest.skip(f"llvmlite was built without what {name} needs: {lacking.decode()}")
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_aarch64_restores_what_it_saves_and_starts_with_what_prepare_left():
    """Every register that a call must preserve (x19 to x30, d8 to d15), from where it was put."""
    text = stacks.assembly("aarch64")
    saved, restored = (
        {int(at or 0) // 8: pair for *pair, at in re.findall(rf"{op} (\w+), (\w+), \[sp(?:, #(\d+))?\]", text)}
        for op in ("stp", "ldp")
    )
    assert saved == restored
    places = {register: at + i for at, pair in saved.items() for i, register in enumerate(pair)}
    assert sorted(places) == sorted([*(f"x{n}" for n in range(19, 31)), *(f"d{n}" for n in range(8, 16))])
    assert sorted(places.values()) == list(range(20)) and text.count("#160") == 2
    found = {value: int(at) for value, at in re.findall(r"%at\.(\w+) = getelementptr i64, ptr %base, i64 (\d+)", text)}
    assert found == {"m": places["x19"], "who": places["x20"], "entry": places["x21"], "start": places["x30"]}


def test_a_done_actor_begins_anew_and_gives_its_stack_back():
    built = crowd(2)
    spare = int(stacks_of(built.memory.m).spare)
    for at in (10**9, 10**9 + 5000):
        built.memory.m.now = at
        pausing = Entered(built, 1, pause, 1000)
        assert stacks_of(built.memory.m).spare == spare - 1 and asleep_until(built, 1) == at + 1000
        assert pausing.go_on(at + 1000) == 0 and stacks_of(built.memory.m).spare == spare


def test_a_task_asleep_when_time_is_up_has_run_until_then():
    """Its first turn never ended: all of it was spent asleep over the slow disk."""
    disk = Disk(parallel=1, read_latency=MS)
    file = Region(kind="file", access="read", disk="d", readahead=0)
    cell = Cell(kernel="6.18", machine=machine(64, disks={"d": disk}), tasks={"t": given(file)}, duration=100_500_000)
    found = run(cell, reads(range(1000))).metrics
    assert found["elapsed_ns"] == found["task.t.elapsed_ns"] == 100_500_000
    assert found["stall_file_ns"] == pytest.approx(100 * MS, rel=0.02)


def test_when_everybody_waits_for_what_nobody_will_do_the_machine_has_died():
    """A disk that starts no request again: a result, once the flusher has nothing left to try; not before its time."""
    dead = Disk(kind="hdd", stall_from=0, stall_until=1 << 62)
    file = Region(kind="file", access="read", disk="d", readahead=0)
    cell = Cell(kernel="6.18", machine=machine(64, disks={"d": dead}), tasks={"t": given(file)})
    stuck = np.concatenate([writes(range(10)), [FSYNC << OP_SHIFT]])
    found = run(cell, stuck).metrics
    assert found["outcome"] == "died" and 30 * S < found["died_ns"] == found["elapsed_ns"] < 31 * S
    found = run(replace(cell, duration=S), stuck).metrics
    assert found["outcome"] == "ok" and found["elapsed_ns"] == S and found["nr_written"] == 0 < found["nr_writeback"]
