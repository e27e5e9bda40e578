"""What is off by more than the kernel's own repeats, and why: each explanation stands beside the cases it is for."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.fidelity.compare import COUNTABLE, Result
from tests.fidelity.recorded import QUANTITIES, Case

UNEXPLAINED = "not explained"
STALE = (
    "stale TLB entries: the kernel clears accessed bits without a flush, so pages in use look idle until their entries "
    "go; the recorded count lies in the range of the model with a TLB"
)
OTHERS = "refault activations were recorded for the whole machine, other processes included"
BATCH = 32  # pages that one reclaim call frees at least: a call more or less at the end is chance


@dataclass(frozen=True)
class Reason:
    """A mechanism that the model lacks, or a flaw of a recording, and the cases it shows in (a pattern for names)."""

    cases: str
    text: str


REASONS = (
    Reason(
        r"fileread-zipf08-(75|90)-s60",
        "the host had a swap area for part of the replay, the cell has none: with one, the scan is divided between "
        "kinds of pages and refaults are compared with anonymous pages too",
    ),
    Reason(
        r".*-real_gcc-50-s60-default-ra(-fa)?",
        "large folios: readahead ramps to folios of up to 32 pages here (read() charged 2,539 folios for over 4,400 "
        "pages); they are referenced, activated and reclaimed as a whole. The model has single pages only",
    ),
    Reason(
        r"file(mmap|read)-(loop|shift|zipf10)-50-s60-default-ra(-fa)?",
        "large folios: what a readahead mark brings in, and all of a sequential part, is read in folios of 4 to 32 "
        "pages, which are scanned, activated and mapped as a whole. The model has single pages only",
    ),
    Reason(
        r"zram-.*-cluster3",
        "zram is not read ahead: this is one more repeat of the case without `cluster3`, as far from the kernel's "
        "other repeats as from the model",
    ),
    Reason(
        r"6\.1\+mglru-fileread-real_gcc-25-s60",
        "on the edge of the state in which what is read leaves before it is read again (docs/lru.md): limits up to "
        "eight pages lower or higher make 4,177 to 4,641 scans of the model's, and six pages more 6,377, because it "
        "settles in that state; when the kernel memory was charged along the replay is not known",
    ),
    Reason(
        r"loopfilewrite-real_.*",
        "in the recording the flusher cleans the whole file when the group is first reclaimed; in the model hardly a "
        "batch of that reclaim holds dirty pages only, so it is not woken then. What woke it is not known",
    ),
    Reason(
        r"(loopfilewrite|diskswap)-.*",
        "the disk's service time was not recorded: it decides how many pages one reclaim call writes before those it "
        "wrote first come back clean",
    ),
)


@dataclass(frozen=True)
class Deviation:
    """A count that is off by more than the kernel's own spread; shares of the recorded count."""

    case: Case
    quantity: str
    error: float
    spread: float
    by_pages: bool
    reason: str


def known_spread(case: Case, quantity: str, results: Iterable[Result]) -> float:
    """The spread of the kernel's repeats of the case, or the median of like cases where that is larger or alone.

    Two repeats that happen to agree say little; guests were recorded once, so the host stands for them.
    """
    like = [r.case for r in results if r.case.small == case.small and not r.case.guest]
    like = [c for c in like if (c.value(quantity) or 0) >= COUNTABLE]
    same = [spread for c in like if c.backend == case.backend and (spread := c.spread(quantity)) is not None]
    known = same or [spread for c in like if (spread := c.spread(quantity)) is not None]
    return max(case.spread(quantity) or 0.0, median(known) if known else 0.0)


def reason_for(result: Result, quantity: str) -> str:
    """Why the count is off, as far as known."""
    case = result.case
    if within_stale(result, quantity):
        return STALE
    found = next((reason.text for reason in REASONS if re.fullmatch(reason.cases, case.name)), None)
    too_few = (result.error(quantity) or 0) < 0
    if found is None and quantity == "refault activations" and too_few and not case.guest:
        return OTHERS
    return found or UNEXPLAINED


def within_stale(result: Result, quantity: str) -> bool:
    """Whether a guest's count lies within the range of the runs with and without a TLB, or a batch of it."""
    ends, recorded = result.with_stale().page_range(quantity), result.case.value(quantity)
    known = bool(result.stale) and ends is not None and recorded is not None
    return known and ends[0] - BATCH <= recorded <= ends[1] + BATCH  # type: ignore[index,operator]


def covered(result: Result, quantity: str) -> bool:
    """Whether the recorded count lies within what a few pages of the limit do to the model's, or within a batch."""
    ends, recorded = result.page_range(quantity), result.case.value(quantity)
    return ends is not None and recorded is not None and ends[0] - BATCH <= recorded <= ends[1] + BATCH


def deviations(results: Sequence[Result]) -> list[Deviation]:
    """Every count of every case that is off by more than the kernel's spread, worst first within a case.

    `by_pages` tells those that a few pages of the limit, or one batch of reclaim, would cover.
    """
    found = []
    for result in results:
        rows = []
        for quantity in QUANTITIES:
            error = result.error(quantity)
            spread = known_spread(result.case, quantity, results)
            if error is None or abs(error) <= spread:
                continue
            by_pages = covered(result, quantity)
            rows.append(Deviation(result.case, quantity, error, spread, by_pages, reason_for(result, quantity)))
        found += sorted(rows, key=lambda row: -abs(row.error))
    return found
