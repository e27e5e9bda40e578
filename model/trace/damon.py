"""DAMON's recordings, as damo writes them, and accesses drawn from them.

Read are damo's records, JSON compressed with zlib (`damon.data`) or plain; and text: the tracepoint `damon_aggregated`
as perf script, trace-cmd and ftrace print it, and what `damo report raw` printed. A recording says of each region in
how many samplings of an aggregation the sampled page had been accessed. Which pages that were, how often in between,
when within the aggregation and whether they were written, is not in it.
"""

import json
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.trace.format import MAX_PAGES, MAX_TASKS, TraceError
from mmrun.model.trace.importers import Keyed, opened
from mmrun.model.units import PAGE_SHIFT

SAMPLES = 20  # samplings an aggregation, 5 ms in 100 ms, damo's default
MOST_TEXT = 512 << 20  # bytes of JSON
MOST_REGIONS = 1 << 23  # of all snapshots; 24 bytes each
LONGEST = 64 << 10  # bytes of a line
PIECE, BATCH = 512, 1 << 16  # pages that stay neighbours, pages drawn at once
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
TOLD = re.compile(rb"damon_aggregated:\s+target_id=(\d{1,20}) nr_regions=(\d{1,9}) (\d{1,20})-(\d{1,20}): (\d{1,9})")
RAW = re.compile(rb"([0-9a-f]{4,16})-([0-9a-f]{4,16}) \([^)]*\)\s+(\d{1,9})\s")
NAMED = re.compile(rb"(target_id|nr_regions|monitoring_end): *(\S+)")


class Snapshot(NamedTuple):
    """One aggregation of a target: when it ended (ns, or a count where the text has none), its regions.

    `regions`: first byte, byte behind the last, samplings with an access, int64 [regions, 3].
    """

    target: str
    time: int
    regions: np.ndarray


@frozen
class Recording:
    """All snapshots, oldest first; `samples`: by target, the samplings that a region's count is of."""

    snapshots: list[Snapshot]
    samples: dict[str, float]


def recording(path: str, samples: int | None = None) -> Recording:
    """Read a recording; `samples` overrides how many samplings an aggregation had. Raises TraceError."""
    with opened(path) as read:
        first = read()
        pieces = chain([first], iter(read, b""))
        if first[:2] in ZLIB or first.lstrip()[:1] in (b"[", b"{"):
            found = _from_json(_text(pieces, first[:2] in ZLIB, path), path)
        elif first[:8] in (b"PERFILE2", b"2ELIFREP"):
            raise TraceError(f"{path}: this is perf's own file: make it text with `perf script -i FILE`")
        else:
            found = Recording(list(_from_lines(pieces, path)), {})
    if not found.snapshots:
        raise TraceError(f"{path}: no region of DAMON was found in it")
    known = {snapshot.target: float(samples or SAMPLES) for snapshot in found.snapshots}
    return Recording(sorted(found.snapshots, key=_when), known | ({} if samples else found.samples))


def _when(snapshot: Snapshot) -> int:
    return snapshot.time


def _text(pieces: Iterator[bytes], packed: bool, path: str) -> str:
    """The JSON text, no longer than it may be."""
    unpack, parts, size = zlib.decompressobj(), [], 0
    for piece in pieces:
        try:
            part = unpack.decompress(piece, MOST_TEXT + 1 - size) if packed else piece
        except zlib.error as error:
            raise TraceError(f"{path}: cannot be decompressed: {error}") from error
        size += len(part)
        if size > MOST_TEXT:
            raise TraceError(
                f"{path}: more than {MOST_TEXT >> 20} MiB of JSON; import it as perf script's text instead"
            )
        parts.append(part)
    if packed and not unpack.eof:
        raise TraceError(f"{path}: the compressed text ends early: truncated")
    return b"".join(parts).decode("utf-8", "replace")


def _from_json(text: str, path: str) -> Recording:
    """A list of records, one a target; regions become numbers as soon as they are read."""
    reader = _Json()
    try:
        found = json.loads(text, object_hook=reader.of)
        records = found if isinstance(found, list) else [found]
        if not all(isinstance(record, _Record) for record in records):
            raise ValueError("a record is a list of objects with `target_id` and `snapshots`")
        return Recording([each for record in records for each in record.snapshots], _samples(records))
    except json.JSONDecodeError as error:
        raise TraceError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TraceError(f"{path}: not damo's record, after snapshot {reader.read}: {why}") from error


class _Record(NamedTuple):
    target: str
    samples: float | None
    snapshots: list[Snapshot]


class _Json:
    """Turns the objects of damo's JSON into regions, snapshots and records while they are parsed."""

    def __init__(self) -> None:
        self.read = self.regions = 0

    def of(self, plain: dict[str, Any]) -> Any:
        """What an object says; itself where it is none of the three."""
        if "regions" in plain and "end_time" in plain:
            self.read += 1
            self.regions += len(plain["regions"])
            if self.regions > MOST_REGIONS:
                raise ValueError(f"more than {MOST_REGIONS:,} regions")
            return Snapshot("", _number(plain["end_time"]), _array(plain["regions"]))
        if "nr_accesses" in plain and "start" in plain:
            counted = plain["nr_accesses"]
            return _number(plain["start"]), _number(plain["end"]), _number(counted["samples"])
        if "snapshots" in plain:
            target, intervals = str(plain["target_id"]), plain.get("intervals")
            own = _number(intervals["aggr_us"]) / _number(intervals["sample_us"]) if intervals else None
            return _Record(target, own, [each._replace(target=target) for each in plain["snapshots"]])
        return plain


def _samples(records: list[_Record]) -> dict[str, float]:
    return {record.target: max(1.0, record.samples) for record in records if record.samples is not None}


def _number(value: Any) -> int:
    """A number as damo writes it, also "4,096"."""
    if isinstance(value, str) and re.fullmatch(r"[0-9][0-9,]{0,25}", value):
        value = int(value.replace(",", ""))
    if type(value) not in (int, float) or not 0 <= value < 1 << 63:
        raise ValueError(f"expected a plain number such as 4,096, found {str(value)[:40]!r}")
    return int(value)


def _array(regions: list[tuple[int, int, int]]) -> np.ndarray:
    found = np.array(regions, dtype=np.int64).reshape(-1, 3)
    if np.any(found[:, 0] > found[:, 1]):
        raise ValueError("a region ends before it begins")
    return found


def _from_lines(pieces: Iterator[bytes], path: str) -> Iterator[Snapshot]:
    """Snapshots in text; a line that tells of none is passed over, one that tells wrongly is an error."""
    reader = _Lines()
    for number, line in enumerate(_lines(pieces, path), start=1):
        try:
            reader.take(line)
        except ValueError as error:
            raise TraceError(f"{path}:{number}: {error}") from error
        yield from reader.whole()


def _lines(pieces: Iterator[bytes], path: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST:
            raise TraceError(f"{path}: a line does not end: neither damo's record nor text with DAMON's events")
        yield from whole
    if rest:
        yield rest


class _Lines:
    """Regions gathered line by line until their snapshot is whole."""

    def __init__(self) -> None:
        self.target, self.wanted, self.time, self.total = "0", 0, 0, 0
        self.regions: list[tuple[int, int, int]] = []

    def take(self, line: bytes) -> None:
        """One line; ValueError where it tells of a region in no way that can be read."""
        if b"damon_aggregated" in line:
            found = TOLD.search(line)
            if found is None:
                raise ValueError(f"expected damon_aggregated: target_id=.. nr_regions=.. FIRST-END: .., {_shown(line)}")
            target, wanted, start, end, count = found.groups()
            self._begin(target.decode(), int(wanted))
            self._add(int(start), int(end), int(count))
        elif found := RAW.match(line):
            start, end, count = found.groups()
            self._add(int(start, 16), int(end, 16), int(count))
        elif found := NAMED.match(line):
            name, value = found.group(1), found.group(2).decode("ascii", "replace")
            if name == b"target_id":
                self._begin(value, self.wanted)
            elif name == b"nr_regions":
                self.wanted = int(value) if value.isdecimal() else 0

    def _begin(self, target: str, wanted: int) -> None:
        if (target, wanted) != (self.target, self.wanted):
            self.regions = []  # the recording began, or lost something, within a snapshot
        self.target, self.wanted = target, wanted

    def _add(self, start: int, end: int, count: int) -> None:
        if not 0 <= start <= end < 1 << 63:
            raise ValueError("a region ends before it begins, or beyond 2**63")
        if not self.wanted:
            raise ValueError("a region before the line that says how many there are (nr_regions: ..)")
        if self.regions and start < self.regions[-1][1]:
            self.regions = []  # lines are missing: another snapshot has begun
        self.total += 1
        if self.total > MOST_REGIONS:
            raise ValueError(f"more than {MOST_REGIONS:,} regions")
        self.regions.append((start, end, count))

    def whole(self) -> Iterator[Snapshot]:
        """The snapshot, once all its regions are there."""
        if self.regions and len(self.regions) == self.wanted:
            self.time += 1
            yield Snapshot(self.target, self.time, np.array(self.regions, dtype=np.int64))
            self.regions = []


def _shown(line: bytes) -> str:
    return f"found {line[:80].decode('ascii', 'replace')!r}"


class Drawing:
    """Accesses drawn from a recording, in chunks for `import_trace` with `keep`; targets are tasks.

    An aggregation is drawn in so many `rounds`; in each, every page of a region is accessed once with the chance that
    its samplings had one. Within a round the order is random, but for up to 512 neighbours that come close together.
    Pages of regions that never had an access are no part of the trace; the others are numbered in order of target and
    address.
    """

    def __init__(self, source: Recording, *, rounds: int = 1, seed: int = 0) -> None:
        """Raises TraceError where that makes more pages or tasks than a trace has."""
        self.source, self.rounds, self.rng = source, rounds, np.random.default_rng(seed)
        self.tasks = {target: task for task, target in enumerate(source.samples)}
        if len(self.tasks) > MAX_TASKS:
            raise TraceError(f"the recording has {len(self.tasks):,} targets, a trace {MAX_TASKS:,} tasks at most")
        self.spans: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.npages = 0
        for target in self.tasks:
            begin, length = _spans([each.regions for each in source.snapshots if each.target == target])
            self.spans[target] = begin, self.npages + np.cumsum(length) - length
            self.npages += int(length.sum())
        if self.npages > MAX_PAGES:
            raise TraceError(f"regions with accesses have {self.npages:,} pages, a trace {MAX_PAGES:,} at most")

    def __iter__(self) -> Iterator[Keyed]:
        for snapshot in self.source.snapshots:
            first, pages, chance = self._used(snapshot)
            for _ in range(self.rounds if first.size else 0):
                yield from self._round(first, pages, chance, self.tasks[snapshot.target])

    def _used(self, snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Regions with accesses in pieces of at most PIECE pages: first page's number, pages, chance of an access."""
        begin, number = self.spans[snapshot.target]
        start, end, count = _pages(snapshot.regions)
        place = np.searchsorted(begin, start, "right") - 1
        first, pages = start - begin[place] + number[place], end - start
        cut = -(-pages // PIECE)
        region = np.repeat(np.arange(len(cut)), cut)
        at = (np.arange(len(region)) - np.repeat(np.cumsum(cut) - cut, cut)) * PIECE
        chance = np.minimum(1.0, count / self.source.samples[snapshot.target])
        return first[region] + at, np.minimum(PIECE, pages[region] - at), chance[region]

    def _round(self, first: np.ndarray, pages: np.ndarray, chance: np.ndarray, task: int) -> Iterator[Keyed]:
        order = self.rng.permutation(len(first))
        batches = max(1, -(-int(pages.sum()) // BATCH))
        for batch in np.array_split(order, batches):
            size = pages[batch]
            offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
            page = np.repeat(first[batch], size) + offset
            drawn = self.rng.permutation(page[self.rng.random(page.size) < np.repeat(chance[batch], size)])
            yield drawn, np.zeros(drawn.size, dtype=bool), task


def _pages(regions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First page, page behind the last, count, of the regions that had accesses."""
    used = regions[(regions[:, 2] > 0) & (regions[:, 1] > regions[:, 0])]
    return used[:, 0] >> PAGE_SHIFT, (used[:, 1] - 1 >> PAGE_SHIFT) + 1, used[:, 2]


def _spans(snapshots: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where pages with accesses lie: first pages and lengths of the stretches, in order of address."""
    start, end, _ = _pages(np.concatenate(snapshots))
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    fresh = np.flatnonzero(np.r_[True, start[1:] > reach[:-1]][: start.size])
    return start[fresh], np.r_[reach[fresh[1:] - 1], reach[-1:]] - start[fresh]
