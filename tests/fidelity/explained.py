"""What is off by more than the kernel's own repeats, and whether a value of something unrecorded explains it.

A reason must hold for all counts of a case at one value of its unknown; what no value brings in is not explained.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fidelity.compare import Result, Trial
from tests.fidelity.spread import all_within, countable, known_spread, within

UNEXPLAINED = "not known"


@dataclass(frozen=True)
class Gap:
    """A mechanism that the model lacks, or a flaw of a recording, and the cases it shows in (a pattern for names).

    `only`: the single count that it can put off.
    """

    cases: str
    text: str
    only: str = ""


# Suspected, not tested: these do not explain a case, they say where to look.
GAPS = (
    Gap(
        r"fileread-zipf08-(75|90)-s60",
        "the host had a swap area for part of the replay, the cell has none: with one, the scan is divided between "
        "kinds of pages and refaults are compared with anonymous pages too",
    ),
    Gap(
        r".*-real_gcc-50-s60-default-ra(-fa)?",
        "a miss sets the order of what is read ahead back, and a folio of 32 pages is 3 % of this group: which ones "
        "the first reclaim takes decides what follows. Three pages more or less of the limit move scans by up to "
        "19 %; up to that first reclaim charges and faults are the kernel's",
    ),
    Gap(
        r"6\.1\+mglru-fileread-real_gcc-25-s60",
        "on the edge of the state in which what is read leaves before it is read again (docs/lru.md); when the kernel "
        "memory was charged along the replay is not known",
    ),
    Gap(
        r"loopfilewrite-real_.*",
        "in the recording the flusher cleans the whole file when the group is first reclaimed; in the model hardly a "
        "batch of that reclaim holds dirty pages only, so it is not woken then. What woke it is not known",
    ),
    Gap(
        r"filemmap-.*",
        "refault activations were recorded for the whole machine; no other count is off: other processes read files",
        only="refault activations",
    ),
)


@dataclass(frozen=True)
class Off:
    """A count that is off by more than the kernel's own spread; shares of the recorded count."""

    quantity: str
    error: float
    spread: float


@dataclass(frozen=True)
class Verdict:
    """A case with counts that are off (worst first).

    `explained`: a run in which all its counts are the kernel's. `best`: the run with most of them; both None: there
    is no such run, or nothing else was tried.
    """

    result: Result
    off: tuple[Off, ...]
    explained: Trial | None
    best: Trial | None

    @property
    def suspected(self) -> str:
        """Where to look, as far as known."""
        name, quantities = self.result.case.name, {each.quantity for each in self.off}
        fitting = (gap for gap in GAPS if re.fullmatch(gap.cases, name))
        found = (gap for gap in fitting if not gap.only or quantities == {gap.only})
        return next((gap.text for gap in found), UNEXPLAINED)

    def hits(self, trial: Trial) -> int:
        """How many of the case's counts are the kernel's in a run."""
        return hits(self.result, trial)


def hits(result: Result, trial: Trial) -> int:
    """How many of a case's counts are the kernel's in a run."""
    counts = trial.counts
    return 0 if counts is None else sum(within(result.case, quantity, counts) for quantity in countable(result.case))


def off(result: Result) -> tuple[Off, ...]:
    """The counts that are off in the nearest run."""
    case, counts = result.case, result.nearest()
    if counts is None:
        return ()
    wrong = [quantity for quantity in countable(case) if not within(case, quantity, counts)]
    found = [Off(quantity, result.error(quantity) or 0.0, known_spread(case, quantity)) for quantity in wrong]
    return tuple(sorted(found, key=lambda each: -abs(each.error)))


def judge(result: Result) -> Verdict | None:
    """None for a case of which every count is the kernel's."""
    wrong = off(result)
    if not wrong:
        return None
    explained = next((t for t in result.trials if t.counts is not None and all_within(result.case, t.counts)), None)
    best = max(result.trials, key=lambda trial: hits(result, trial), default=None)
    return Verdict(result, wrong, explained, best)


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Every case with counts that are off."""
    return [verdict for result in results if (verdict := judge(result)) is not None]
