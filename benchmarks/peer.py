"""libCacheSim as a peer: the same page numbers through its own file format and its own native reader."""

from pathlib import Path

import numpy as np

POLICIES = {"exact-lru": "LRU", "clock": "Clock", "opt": "Belady"}

RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next_access", "<i8")])  # oracleGeneral


def next_accesses(page: np.ndarray) -> np.ndarray:
    """When the page of each access is touched next; of pages never touched again, times after the end, all different.

    libCacheSim's Belady does not admit an object marked as never used again. Demand paging must admit every page, so no
    access carries that mark here; which of the dead pages leaves first does not change the number of misses.
    """
    order = np.argsort(page, kind="stable")
    follows = page[order[1:]] == page[order[:-1]]
    following = len(page) + np.arange(len(page), dtype=np.int64)
    following[order[:-1][follows]] = order[1:][follows]
    return following


def write_trace(path: Path, page: np.ndarray) -> None:
    """Write accesses of unit-size objects as an uncompressed oracleGeneral file; ids start at 1."""
    records = np.empty(len(page), dtype=RECORD)
    records["time"] = np.arange(len(page))
    records["id"] = page.astype(np.uint64) + 1
    records["size"] = 1
    records["next_access"] = next_accesses(page)
    path.write_bytes(records.tobytes())


def open_reader(path: Path):
    """libCacheSim's native reader of such a file."""
    from libcachesim import ReaderInitParam, TraceReader, TraceType

    params = ReaderInitParam(ignore_obj_size=True)
    return TraceReader(str(path), TraceType.ORACLE_GENERAL_TRACE, params)


def make_cache(name: str, capacity: int):
    """Its cache for the yardstick `name`, with a hash table sized to the capacity so that clearing it costs nothing."""
    import libcachesim

    power = min(24, max(16, capacity.bit_length() + 1))
    return getattr(libcachesim, POLICIES[name])(cache_size=capacity, hashpower=power)


def misses(name: str, path: Path, accesses: int, capacity: int) -> int:
    """Misses of libCacheSim's policy on the file `path` of that many accesses, everything in native code."""
    ratio, _ = make_cache(name, capacity).process_trace(open_reader(path))
    return round(ratio * accesses)


def misses_by_request(name: str, path: Path, capacity: int) -> int:
    """The same through its Python interface, one request at a time."""
    cache = make_cache(name, capacity)
    return sum(not cache.get(request) for request in open_reader(path))
