"""A hundred writers on 64 GiB and one hard disk, dirty throttling on: simulated time that a CPU second buys."""

import time
from collections.abc import Iterator

from benchmarks.machine import ERA
from benchmarks.measure import Row
from mmrun.model import api
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.units import PAGE, GiB, S

AIM = 10  # ten simulated minutes in one


def cell(writers: int, memory: int, seconds: int, era: str = ERA) -> Cell:
    """So many sequential writers, a file of 2 GiB each on one disk of 1 TiB, for so many simulated seconds."""
    return Cell(
        kernel=era,
        machine=Machine(nodes=(Node(memory=memory, cpus=16),), disks={"d": Disk(kind="hdd", size=1024 * GiB)}),
        tasks={
            "dd": Task(
                stream=Stream(kind="writer", params={"size": 2 * GiB, "accesses": 2 * GiB // PAGE}),
                memory=(Region(kind="file", access="read", disk="d"),),
                count=writers,
            )
        },
        duration=seconds * S,
    )


def rows(quick: bool) -> Iterator[Row]:
    """Position control of today, and the dirtiers of 2011 that write themselves."""
    memory, seconds = (4 * GiB, 60) if quick else (64 * GiB, 600)
    for era in (ERA, "3.1"):
        api.warm(cell(2, GiB // 4, 1, era))
        start = time.process_time()
        found = api.simulate(cell(100, memory, seconds, era)).metrics
        took = time.process_time() - start
        yield Row(
            "writeback", f"100 writers on one hard disk, {memory // GiB} GiB, kernel {era}", seconds / took,
            "simulated s/s", seconds / took, "simulated s/s", floor=AIM, aim=AIM,
            note=f"{seconds} simulated s in {took:.1f} s; {found['nr_written']:,} pages written, "
            f"{found['dirty_pauses']:,} pauses",
        )  # fmt: skip
