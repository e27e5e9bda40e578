"""Text of `perf script` in which samples have addresses: of `perf mem`, of page faults, of the tracepoints of faults.

    python3  1751/1751  17318.245989: page-faults:     55611a581424
    python3  1799 [001] 17319.661965: exceptions:page_fault_user: address=0x7f0fcad09e06 ip=0x7f0fca error_code=0x6

A process is a task with pages of its own. Samples are no trace: what lies between two of them was not seen.
"""

import re
from collections.abc import Iterator

import numpy as np

from mmrun.model.trace.format import TraceError
from mmrun.model.trace.importers import Keyed, opened
from mmrun.model.units import PAGE_SHIFT

ROWS = 1 << 16
LONGEST = 4096  # bytes of a line
PROCESS_SHIFT = 52  # of a page's key: page numbers of an address space lie below
MOST_PROCESSES = 1 << 11
USER = 1 << 63  # addresses from here on are the kernel's
# who, process and thread, CPU, time, period, event, and what it says
SAMPLE = re.compile(rb"\s*(\S.*?)\s+(\d+)(?:/\d+)?\s+(?:\[\d+\]\s+)?(?:\d+\.\d+:\s+)?(?:\d+\s+)?(\S*[^\s:]):+\s+(\S.*)")
FAULT = re.compile(rb"address=(?:0x)?([0-9a-f]+)\s.*error_code=(?:0x)?([0-9a-f]+)")
ADDRESS = re.compile(rb"([0-9a-f]{1,16})(?:\s+(.*))?$")
PLACE = re.compile(rb"[^\s|]+\+0x|\[unknown\]|[A-Za-z_]\S*\s+\(")  # what follows an instruction's address
WROTE = 2  # error_code of a page fault on x86: the access was a write


class PerfScript:
    """Reads accesses; `tasks`: the processes by first name and number, in order of appearance, known at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tasks: dict[str, int] = {}
        self._numbers: dict[int, int] = {}  # by process

    def __iter__(self) -> Iterator[Keyed]:
        rows: list[tuple[int, bool, int]] = []
        for number, line in enumerate(self._lines(), start=1):
            if not line.strip() or line.lstrip().startswith(b"#"):
                continue
            try:
                row = self._row(line)
            except ValueError as error:
                shown = line[:80].decode("ascii", "replace")
                raise TraceError(f"{self.path}:{number}: {error}, found {shown!r}") from error
            if row is not None:
                rows.append(row)
            if len(rows) == ROWS:
                yield _columns(rows)
                rows = []
        yield _columns(rows)

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        with opened(self.path) as read:
            while piece := read():
                *whole, rest = (rest + piece).split(b"\n")
                if len(rest) > LONGEST:
                    raise TraceError(f"{self.path}: a line does not end: not the output of perf script")
                yield from whole
        yield rest

    def _row(self, line: bytes) -> tuple[int, bool, int] | None:
        """Page with its process, whether written, task; None for a sample without an address in user space."""
        sample = SAMPLE.match(line) if len(line) <= LONGEST else None
        if sample is None:
            raise ValueError("expected a line of `perf script -F comm,pid,tid,time,event,addr`")
        name, process, event, rest = sample.groups()
        address, write = _access(event, rest)
        if not 0 < address < USER:
            return None
        task = self._numbers.setdefault(int(process), len(self._numbers))
        if task >= MOST_PROCESSES:
            raise ValueError(f"more than {MOST_PROCESSES:,} processes")
        if task == len(self.tasks):
            self.tasks[f"{name.decode('utf-8', 'replace')} {int(process)}"] = task
        return task << PROCESS_SHIFT | address >> PAGE_SHIFT, write, task


def _access(event: bytes, rest: bytes) -> tuple[int, bool]:
    """Address and whether it is written."""
    if fault := FAULT.match(rest):
        return int(fault.group(1), 16), bool(int(fault.group(2), 16) & WROTE)
    found = ADDRESS.match(rest.rstrip())
    if found is None:
        raise ValueError("expected an address in hex, or address=.. error_code=.., behind the event")
    more = found.group(2) or b""
    if PLACE.match(more):
        raise ValueError(
            "an instruction's address: print data addresses, `perf script -F comm,pid,tid,time,event,addr`"
        )
    return int(found.group(1), 16), b"store" in event or b"|OP STORE" in more


def _columns(rows: list[tuple[int, bool, int]]) -> Keyed:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1] != 0, table[:, 2]
