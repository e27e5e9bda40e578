"""What was recorded on a real kernel: replays of known traces, their counters, curves, misses (see data/README.md)."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

DATA = Path(__file__).resolve().parent / "data"

TRACES = ("loop", "real_gcc", "real_sqlite", "shift", "uniform", "zipf08", "zipf10")
QUANTITIES = ("misses", "swap-outs", "scans", "steals", "activations", "deactivations", "refault activations")

HOST = "6.18"  # the kernel of replays.csv; guest.csv names its kernels itself

# A quantity is counted in more than one place: by the whole machine, where other processes add to it, and by the
# task's own tracepoints, which also see what the task did before and after the replay. Either can only be too large.
# `{}` is filled with `anon`, `file` or both in turn, whichever the case has.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "swap-outs": ("pswpout", "pgsteal_{}", "tr_in_reclaimed_{}"),  # zram frees a slot at swap-in: every eviction writes
    "scans": ("pgscan_{}", "tr_in_scan_{}"),
    "steals": ("pgsteal_{}", "tr_in_reclaimed_{}"),
    "activations": ("pgactivate", "tr_in_activate_{}"),
    "deactivations": ("pgdeactivate", "tr_ac_deact_{}"),
    "refault activations": ("workingset_activate_{}",),
}
# The guests' memory.stat counts the group alone and was read with everything folded.
OWN_SOURCES: Mapping[str, tuple[str, ...]] = {
    "swap-outs": ("pswpout",),
    "scans": ("pgscan",),
    "steals": ("pgsteal",),
    "activations": ("pgactivate",),
    "deactivations": ("pgdeactivate",),
    "refault activations": ("workingset_activate_{}",),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One experiment: a trace replayed under one limit in one way, as often as it was recorded."""

    backend: str
    trace: str
    percent: int
    swappiness: int
    variant: str
    repeats: tuple[Mapping[str, float | None], ...]
    kernel: str = HOST

    @property
    def name(self) -> str:
        """What the case is called in `curves.npz`, `misses.npz` and the report; the host's kernel is not named."""
        name = f"{self.backend}-{self.trace}-{self.percent}-s{self.swappiness}"
        name = f"{name}-{self.variant}" if self.variant else name
        return name if self.kernel == HOST else f"{self.kernel}-{name}"

    @property
    def guest(self) -> bool:
        """Whether it was recorded in a guest, whose groups count for themselves."""
        return self.kernel != HOST

    @property
    def on_disk(self) -> bool:
        """Whether a disk takes part, whose service time was not recorded."""
        return self.backend in ("diskswap", "diskfilemmap", "loopfilewrite")

    @property
    def limit_pages(self) -> int:
        """The cgroup's limit."""
        return int(self.repeats[0]["limit_pages"] or 0)

    @property
    def survived(self) -> tuple[Mapping[str, float | None], ...]:
        """The repeats that ended by themselves."""
        return tuple(repeat for repeat in self.repeats if repeat["seconds"] != -1)

    @property
    def killed(self) -> int:
        """In how many repeats the kernel killed the task for want of memory."""
        return len(self.repeats) - len(self.survived)

    @property
    def small(self) -> bool:
        """Whether the limit is so small that per-CPU batches are a good part of it."""
        return self.limit_pages < 5_000

    def values(self, quantity: str) -> list[float]:
        """The quantity in every repeat that has it: the smallest of its sources."""
        found = (self._value(repeat, quantity) for repeat in self.survived)
        return [value for value in found if value is not None]

    def value(self, quantity: str) -> float | None:
        """Median over the repeats; None where it was not recorded."""
        values = self.values(quantity)
        return median(values) if values else None

    def spread(self, quantity: str) -> float | None:
        """(max - min) / mean over the repeats; None for fewer than two of them."""
        values = self.values(quantity)
        if len(values) < 2 or not any(values):
            return None
        return (max(values) - min(values)) * len(values) / sum(values)

    def kernel_pages(self) -> float | None:
        """Kernel memory charged to the group at the end (median); None where no repeat came to its end."""
        known = [repeat["end_kmem"] for repeat in self.survived if repeat["end_kmem"] is not None]
        return median(known) if known else None

    def seconds(self) -> float | None:
        """Median duration of the repeats that survived."""
        known = [repeat["seconds"] for repeat in self.survived if repeat["seconds"] is not None]
        return median(known) if known else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of pages the case has, as the counters name them."""
        if self.backend in ("zram", "brd", "diskswap"):
            return ("anon",)
        return ("anon", "file") if self.backend.startswith("mixed") else ("file",)

    def _value(self, repeat: Mapping[str, float | None], quantity: str) -> float | None:
        if quantity == "misses":
            return repeat["majflt"] if self.backend != "fileread" else self._read_misses(repeat)
        if quantity == "swap-outs" and "anon" not in self.kinds:
            return None
        if quantity == "activations" and not self.guest:
            if self.backend == "fileread":
                return self._entered_active(repeat)
            if repeat["tr_reclaims"] is None:
                return None  # the machine's pgactivate alone is too noisy: any process that reads files adds to it
        kinds = tuple(kind for kind in self.kinds if quantity != "swap-outs" or kind == "anon")
        sums = []
        for source in self._sources(quantity):
            columns = {source.format(kind) for kind in kinds}
            if columns and all(repeat[column] is not None for column in columns):
                sums.append(sum(repeat[column] or 0 for column in columns))
        return min(sums) if sums else None

    def _sources(self, quantity: str) -> tuple[str, ...]:
        if self.guest:
            return OWN_SOURCES[quantity]
        if self.backend == "diskswap" and quantity == "swap-outs":
            return ("pswpout",)  # eviction and write are two things: a clean page in the swap cache is not written
        return SOURCES[quantity]

    def _read_misses(self, repeat: Mapping[str, float | None]) -> float | None:
        if self.guest:  # not counted: every page that came was reclaimed or is still there
            return (repeat["pgsteal"] or 0) - (repeat["pswpout"] or 0) + (repeat["file_pages"] or 0)
        return repeat["miss_cachestat"] or self._read_in(repeat)

    def _read_in(self, repeat: Mapping[str, float | None]) -> float | None:
        """read() misses where they were not counted: pages reclaimed and pages left, up to 63 of a stock too many."""
        if self.variant:
            return None  # readahead brings in pages that nobody missed
        stolen, usage, kernel = self._value(repeat, "steals"), repeat["end_usage"], repeat["end_kmem"]
        return None if stolen is None or usage is None or kernel is None else stolen + usage - kernel

    def _entered_active(self, repeat: Mapping[str, float | None]) -> float | None:
        """read() activates on access, which no tracepoint shows: what the active list must have taken in."""
        left, refaults = self._value(repeat, "deactivations"), self._value(repeat, "refault activations")
        stayed = repeat["end_active_file"]
        if left is None or refaults is None or stayed is None:
            return None
        return max(0, stayed + left - refaults)


@cache
def cases() -> tuple[Case, ...]:
    """Every recorded case, the host's in the order of recording, then the guests'."""
    found: dict[tuple[str, str, int, int, str, str], list[Mapping[str, float | None]]] = {}
    texts = ("backend", "trace", "variant", "kernel")
    for source in ("replays.csv", "guest.csv"):
        with (DATA / source).open(newline="") as file:
            for row in csv.DictReader(file):
                numbers = {name: float(text) if text else None for name, text in row.items() if name not in texts}
                percent, swappiness = round((numbers["limit_frac"] or 0) * 100), int(numbers["swappiness"] or 0)
                kernel = row.get("kernel", HOST)
                key = (row["backend"], row["trace"], percent, swappiness, row["variant"], kernel)
                found.setdefault(key, []).append(numbers)
    return tuple(Case(*key[:5], tuple(repeats), key[5]) for key, repeats in found.items())


@cache
def curves() -> dict[str, dict[str, np.ndarray]]:
    """Counters along a replay by case name: column -> one value a sample; `at` is the access index."""
    with np.load(DATA / "curves.npz") as stored:
        names, columns = stored["names"].tolist(), stored["columns"].tolist()
        starts = np.concatenate(([0], np.cumsum(stored["rows"])))
        values = stored["values"]
    return {name: dict(zip(columns, values[:, starts[i] : starts[i + 1]], strict=True)) for i, name in enumerate(names)}


def recorded_misses(case: Case, accesses: int) -> np.ndarray | None:
    """Which accesses missed (bool each); first touches of anonymous pages are not misses. None: not recorded."""
    with np.load(DATA / "misses.npz") as stored:
        if case.name not in stored:
            return None
        return np.unpackbits(stored[case.name], bitorder="little")[:accesses].astype(bool)
