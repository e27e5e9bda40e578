"""What is off by more than the kernel's own repeats, and why: each explanation stands beside the cases it is for."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.fidelity.compare import Result
from tests.fidelity.recorded import QUANTITIES, Case

UNEXPLAINED = "not explained"
ONE_PAGE = "the recorded count lies within what a page more or less of the limit does in the model"


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
        "large folios: sequential parts are read in folios of up to 32 pages, which are scanned and mapped as a whole",
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
    own: float
    reason: str


def known_spread(case: Case, quantity: str, results: Iterable[Result]) -> float:
    """The spread of the kernel's repeats of the case; without repeats, the worst of like cases that have them."""
    own = case.spread(quantity)
    if own is not None:
        return own
    like = [r.case for r in results if r.case.small == case.small and r.case.kernel == case.kernel]
    same = [found for c in like if c.backend == case.backend and (found := c.spread(quantity)) is not None]
    any_backend = [found for c in like if (found := c.spread(quantity)) is not None]
    return max(same or any_backend or [0.0])


def reason_for(result: Result, quantity: str) -> str:
    """Why the count is off: a reason of its own, a page of the limit, or nothing known."""
    found = next((reason.text for reason in REASONS if re.fullmatch(reason.cases, result.case.name)), None)
    if found:
        return found
    ends, recorded = result.page_range(quantity), result.case.value(quantity)
    if ends is not None and recorded is not None and ends[0] <= recorded <= ends[1]:
        return ONE_PAGE
    return UNEXPLAINED


def deviations(results: Sequence[Result]) -> list[Deviation]:
    """Every count of every case that is off by more than the kernel's spread, worst first within a case."""
    found = []
    for result in results:
        rows = []
        for quantity in QUANTITIES:
            error = result.error(quantity)
            spread = known_spread(result.case, quantity, results)
            if error is None or abs(error) <= spread:
                continue
            own = result.own_spread(quantity)
            rows.append(Deviation(result.case, quantity, error, spread, own, reason_for(result, quantity)))
        found += sorted(rows, key=lambda row: -abs(row.error))
    return found
