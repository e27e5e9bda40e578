"""Cables: how long frames take, what is lost, what a cut takes with it."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.actors import NEVER
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Link, Stream, Task
from mmrun.model.net.link import check as law
from mmrun.model.net.link.state import IN, OUT, segments, wires
from mmrun.model.net.link.wire import (
    cut_link,
    free_segment,
    heal_link,
    next_arrival,
    take_arrival,
    transmit,
    wire_bytes,
)
from mmrun.model.units import GBIT_S, US, MiB
from tests.model.cells import machine, machine_of


def cable(replicate: int = 0, **link: Any) -> Built:
    """A machine with one link, over which a connection leads."""
    host = machine(16, links={"l": Link(**link)})
    stream = Stream(kind="netstream", params={"link": "l", "bytes": MiB})
    return machine_of(Cell(kernel="6.12", machine=host, tasks={"t": Task(stream=stream)}, replicate=replicate), 1)


def send(m: Any, way: int, at: int, nbytes: int = 1448) -> int:
    """Put a frame on the wire; when its last bit has left."""
    return int(transmit(m, 0, way, 1, nbytes, 8, 0, 0, 65_535, at, 0, at))


@pytest.mark.parametrize(
    ("gbit", "nbytes", "ps"),
    [(1, 1448, 12_304_000), (10, 1448, 1_230_400), (25, 1448, 492_160), (100, 1448, 123_040), (100, 8948, 723_040),
     (10, 0, 72_000)],
)  # fmt: skip
def test_time_of_a_frame_at_line_rate(gbit, nbytes, ps):
    """1,538 bytes at 1 Gbit/s take 12.3 us, 9,038 at 100 Gbit/s 723 ns; a thousand in a row lose no picosecond."""
    m = cable(bandwidth=gbit * GBIT_S).memory.m
    assert wire_bytes(nbytes) == nbytes + 90
    for _ in range(1000):
        left = send(m, OUT, 0, nbytes)
    assert left == ps
    assert send(m, OUT, left + 500, 0) - left - 500 == 90 * 8 // gbit


def test_frames_arrive_half_a_round_trip_later_in_their_order():
    m = cable(rtt=40 * US, bandwidth=GBIT_S).memory.m
    left = [send(m, IN, 0), send(m, IN, 0)]
    assert left == [12_304, 24_608] and next_arrival(m, 0, IN) == left[0] + 20 * US
    assert next_arrival(m, 0, OUT) == NEVER and take_arrival(m, 0, IN) == NONE
    m.now = left[1] + 20 * US
    first, second = take_arrival(m, 0, IN), take_arrival(m, 0, IN)
    assert segments(m)[first].at < segments(m)[second].at and take_arrival(m, 0, IN) == NONE


@pytest.mark.parametrize("ppm", [0, 1000, 100_000, 1_000_000])
def test_as_many_are_lost_as_are_to_be(ppm):
    """Within four standard deviations; the same in the same replicate, others in another."""
    runs = []
    for replicate in (0, 0, 1):
        built = cable(replicate, loss_ppm=ppm)
        m, kept = built.memory.m, []
        for i in range(4000):
            before = int(wires(m)[0].lost)
            send(m, IN, 1000 * i)
            kept.append(int(wires(m)[0].lost) - before)
        runs.append(kept)
        law.verify(built, np.zeros(1, dtype=bool))
    lost, share = sum(runs[0]), ppm / 1e6
    assert abs(lost - 4000 * share) <= 4 * (4000 * share * (1 - share)) ** 0.5
    assert runs[0] == runs[1] and (runs[0] != runs[2] or ppm in (0, 1_000_000))


def test_a_cut_takes_what_is_on_its_way():
    built = cable(rtt=40 * US, bandwidth=GBIT_S)
    m = built.memory.m
    send(m, IN, 0)
    send(m, OUT, 0)
    m.now = 12_304 + 20 * US
    send(m, IN, int(m.now))
    cut_link(m, 0)
    assert wires(m)[0].lost == 1
    send(m, IN, int(m.now))
    assert wires(m)[0].lost == 2
    heal_link(m, 0)
    send(m, IN, int(m.now))
    for way in (IN, OUT):
        free_segment(m, take_arrival(m, 0, way))  # these had arrived before the cut
    assert take_arrival(m, 0, IN) == NONE and wires(m)[0].way[IN].n == 1
    law.verify(built, np.zeros(1, dtype=bool))


def test_whatever_happens_to_frames_none_is_lost_untold():
    rng = np.random.default_rng(3)
    built = cable(loss_ppm=20_000, rtt=100 * US)
    m = built.memory.m
    for step in range(3000):
        what, way = rng.integers(10), int(rng.integers(2))
        if what < 6:
            send(m, way, int(m.now), int(rng.integers(0, 1449)))
        elif what < 9:
            m.now += int(rng.integers(0, 30_000))
            while (s := take_arrival(m, 0, way)) != NONE:
                free_segment(m, s)
        elif rng.integers(20) == 0:
            cut_link(m, 0) if rng.integers(3) == 0 else heal_link(m, 0)
        if step % 300 == 0:
            law.verify(built, np.zeros(1, dtype=bool))
    assert wires(m)[0].arrived.min() > 100 and wires(m)[0].lost > 10
