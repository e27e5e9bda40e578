"""A receiver that does not read, over loopback, as recorded on a guest: what both ends hold (data/README.md)."""

import csv
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Machine, Node, Stream, Task
from mmrun.model.net.tcp.events import SEND_NOWAIT, on_sockets
from mmrun.model.net.tcp.state import socks
from mmrun.model.units import MS, KiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import Run, run

CASES = ((512, 0), (4096, 0), (65_536, 0), (4096, 16_384), (4096, 65_536), (4096, 262_144))  # message, SO_*BUF
GAVE_UP, LASTED = 120, 800  # ms after which a sender without room stops trying, or goes on; how long all is watched
MEMORY = 473_412 * KiB
SENDER = {"sent": "bytes sent", "queued": "wmem_queued", "tx_forward": "forward_alloc of the sender",
          "sndbuf": "sndbuf", "wmem": "wmem_alloc"}  # fmt: skip
RECEIVER = {"in_receive_queue": "bytes in the receive queue", "rmem": "rmem_alloc", "rcvbuf": "rcvbuf",
            "rx_forward": "forward_alloc of the receiver"}  # fmt: skip
COUNTERS = ("TCPToZeroWindowAdv", "TCPWantZeroWindowAdv", "TCPRcvCoalesce", "RetransSegs")
Case = tuple[int, int]


def _rows(name: str) -> list[dict[str, int]]:
    with (DATA / name).open(newline="") as file:
        return [{key: int(text) for key, text in row.items()} for row in csv.DictReader(file)]


@cache
def recorded() -> dict[Case, list[dict[str, int]]]:
    """What the kernel told at the end, by case and repeat."""
    found: dict[Case, list[dict[str, int]]] = {case: [] for case in CASES}
    for row in _rows("tcp.csv"):
        found[row["message"], row["buffer"]].append(row)
    return found


@cache
def series() -> dict[Case, list[dict[str, int]]]:
    """The first repeat along its way, by case: after so many calls of send."""
    found: dict[Case, list[dict[str, int]]] = {case: [] for case in CASES}
    for row in _rows("tcp_series.csv"):
        found[row["message"], row["buffer"]].append(row)
    return found


def sends(case: Case, calls: int, elsewhere: int = 0, lasted: int = LASTED * MS) -> Run:
    """So many calls of send that do not wait; `elsewhere`: bytes that the task has sent on another connection."""
    message, buffer = case
    params = {"message": message, "bytes": message, "nowait": True, "connections": 2}
    if buffer:
        params |= {"sndbuf": buffer, "rcvbuf": buffer}
    task = Task(stream=Stream(kind="netstream", params=params), stays=True)
    before = [on_sockets(SEND_NOWAIT, [1], elsewhere)] if elsewhere else []
    events = np.concatenate([*before, np.tile(on_sockets(SEND_NOWAIT, [0], message), calls)])
    host = Machine(nodes=(Node(memory=MEMORY),))
    return run(Cell(kernel="6.12", machine=host, tasks={"t": task}, duration=lasted), {"t": events}, check=False)


def ends(done: Run) -> dict[str, int]:
    """The same quantities of a run."""
    tx, rx = socks(done.m)[0], socks(done.m)[1]
    return {
        "sent": int(tx.write_seq), "queued": int(tx.wmem_queued), "tx_forward": int(tx.forward_alloc),
        "sndbuf": int(tx.sndbuf), "wmem": int(tx.wmem_alloc),
        "in_receive_queue": int(rx.rcv_nxt - rx.copied_seq), "rmem": int(rx.rmem_alloc), "rcvbuf": int(rx.rcvbuf),
        "rx_forward": int(rx.forward_alloc), "mem_pages": int(done.metrics.get("tcp_mem_pages", 0)),
    } | {name: int(done.metrics[name]) for name in COUNTERS}  # fmt: skip


@cache
def simulated(case: Case, patient: bool = True, elsewhere: int = 0) -> dict[str, int]:
    """The end state of a sender that goes on trying for long, or gives up before the window was probed."""
    filled = max(row["sent"] for row in recorded()[case]) // case[0]
    return ends(sends(case, filled + (LASTED if patient else GAVE_UP), elsewhere))


def after(case: Case, calls: int) -> dict[str, int]:
    """The state right after so many calls, before any timer."""
    return ends(sends(case, calls, lasted=MS // 2))


def nearest(case: Case) -> tuple[dict[str, int], dict[str, int]]:
    """(repeat, model): the repeat and the sender's patience that agree in most quantities."""
    names = [*SENDER, *RECEIVER, *COUNTERS]

    def agree(pair: tuple[dict[str, int], dict[str, int]]) -> int:
        return sum(pair[0][name] == pair[1][name] for name in names)

    pairs = [(row, simulated(case, patient)) for row in recorded()[case] for patient in (True, False)]
    return max(pairs, key=agree)


def section() -> str:
    """Recorded and simulated quantities of all cases."""
    rows = []
    for case in CASES:
        row, model = nearest(case)
        for name, doc in [*SENDER.items(), *RECEIVER.items(), *((name, name) for name in COUNTERS)]:
            states = "–".join(f"{value:,}" for value in sorted({row[name] for row in recorded()[case]}))
            if row[name] or model[name]:
                what = f"{case[0]} B" + (f", SO_*BUF {case[1]:,}" if case[1] else "")
                rows.append([what, doc, states, f"{row[name]:,}", f"{model[name]:,}", f"{model[name] - row[name]:+,}"])
    head = ("messages of", "quantity", "recorded, all repeats", "nearest repeat", "simulated", "difference")
    return table(head, rows)
