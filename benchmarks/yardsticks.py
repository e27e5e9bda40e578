"""The yardsticks beside libCacheSim: the same accesses, the same number of misses, CPU time of each."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import peer
from benchmarks.limits import random_updates
from benchmarks.measure import Row, cpu_seconds, say
from mmrun.model import yardstick
from mmrun.model.core.events import ARG_MASK
from mmrun.model.description import Stream
from mmrun.model.units import PAGE
from mmrun.model.workloads import open_stream

PAGES = 1_000_000
GOALS = {"exact-lru": (10, 20), "clock": (20, 40)}  # times libCacheSim's speed: floor, aim
ALL = ("exact-lru", "clock")
CASES: tuple[
    tuple[str, str, dict, float, tuple[str, ...]], ...
] = (  # label, generator, its parameters, share of the footprint that fits, policies
    ("zipf 0.8, 10 %", "zipf", {"exponent": 0.8}, 0.1, ALL),
    ("zipf 1.0, 10 %", "zipf", {"exponent": 1.0}, 0.1, (*ALL, "opt")),
    ("zipf 1.2, 10 %", "zipf", {"exponent": 1.2}, 0.1, ALL),
    ("zipf 1.0, 50 %", "zipf", {"exponent": 1.0}, 0.5, ALL),
    ("scan + hot, 10 %", "scan", {"hot": PAGES // 10 * PAGE, "exponent": 0.8, "scan_fraction": 0.3}, 0.1, ALL),
    ("uniform, 10 %", "uniform", {}, 0.1, ALL),
    ("loop, 10 %", "loop", {}, 0.1, ALL),
)


def pages_of(kind: str, params: dict, accesses: int) -> np.ndarray:
    """The page numbers of a generated stream, as a trace would hold them."""
    stream = Stream(kind=kind, params={"size": PAGES * PAGE, "accesses": accesses, **params})
    events = open_stream(stream, np.random.default_rng(1)).events
    return np.concatenate([(chunk & ARG_MASK).astype(np.int32) for chunk in events])


def compare(label: str, name: str, page: np.ndarray, file: Path, capacity: int) -> Row:
    """One policy on one trace: ours, theirs, and whether both miss alike."""
    count = {}

    def ours() -> None:
        count["ours"] = yardstick.run(name, page, capacity).misses

    def theirs() -> None:
        count["theirs"] = peer.misses(name, file, len(page), capacity)

    fast, slow = (len(page) / cpu_seconds(work) / 1e6 for work in (ours, theirs))
    if count["ours"] != count["theirs"]:
        raise RuntimeError(f"{name} on {label}: {count['ours']} misses, libCacheSim has {count['theirs']}")
    floor, aim = GOALS.get(name, (None, None))
    return Row(
        "yardsticks", f"{name}, {label}", fast, "M accesses/s", fast / slow, "times libCacheSim",
        slow, "libCacheSim", floor, aim, note=f"miss ratio {count['ours'] / len(page):.3f} in both",
    )  # fmt: skip


def python_interface(page: np.ndarray, file: Path, capacity: int) -> Row:
    """libCacheSim as a Python program sees it, one request at a time, beside ours fed with arrays."""
    ours = len(page) / cpu_seconds(lambda: yardstick.run("exact-lru", page, capacity)) / 1e6
    theirs = len(page) / cpu_seconds(lambda: peer.misses_by_request("exact-lru", file, capacity)) / 1e6
    return Row(
        "yardsticks", "exact-lru, from Python, zipf 1.0", ours, "M accesses/s", ours / theirs,
        "times libCacheSim", theirs, "libCacheSim's get(), a request at a time",
    )  # fmt: skip


def rows(quick: bool) -> Iterator[Row]:
    """All comparisons; RuntimeError where miss counts differ. Nothing when libCacheSim is not installed."""
    try:
        import libcachesim  # noqa: F401
    except ImportError:
        say("libcachesim is not installed: no comparison of the yardsticks")
        return
    accesses = 1_000_000 if quick else 10_000_000
    for name in yardstick.NAMES:
        yardstick.run(name, np.arange(10), 5, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "trace"
        for label, kind, params, share, policies in CASES:
            page = pages_of(kind, params, accesses)
            peer.write_trace(file, page)
            for name in policies:
                yield compare(label, name, page, file, int(share * PAGES))
        page = pages_of("zipf", {"exponent": 1.0}, accesses // 10)
        peer.write_trace(file, page)
        yield python_interface(page, file, PAGES // 100)
    limit = random_updates(PAGES) / 1e6
    yield Row(
        "yardsticks", "for scale: random updates of 4 bytes a page", limit, "M accesses/s", limit, "M/s",
        note="a loop that does nothing else over a table as large as exact LRU's",
    )  # fmt: skip
