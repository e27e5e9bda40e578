"""How far a count may be off and still be the kernel's: what its own repeats differ by, and what ends a replay."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from statistics import median

from tests.fidelity.recorded import QUANTITIES, Case, cases

COUNTABLE = 100  # smaller counts are listed but not averaged: there, one page is more than 1 %

# Reclaim goes by 32 pages (SWAP_CLUSTER_MAX), and whether one call more came before the end hangs on what was left in
# the per-CPU charge stock, which was not recorded: these four are known to a batch. Misses and activations are counted
# page by page, by accesses.
BATCH = 32
STOCK, UNFOLDED = 63, 128  # pages charged ahead; changes of statistics that a reader of memory.stat may not see
BY_BATCH = ("swap-outs", "scans", "steals", "deactivations")


@cache
def known_spread(case: Case, quantity: str) -> float:
    """The spread of the kernel's repeats of the case, or the median of like cases where that is larger or alone.

    Two repeats that happen to agree say little; guests were recorded once or thrice, so the host stands for them.
    """
    like = [c for c in cases() if c.small == case.small and not c.guest and c.variant != "lazyflush"]
    like = [c for c in like if (c.value(quantity) or 0) >= COUNTABLE]
    same = [spread for c in like if c.backend == case.backend and (spread := c.spread(quantity)) is not None]
    known = same or [spread for c in like if (spread := c.spread(quantity)) is not None]
    return max(_pooled(case).spread(quantity) or 0.0, median(known) if known else 0.0)


def _pooled(case: Case) -> Case:
    """The case with the repeats of one that is the same but for its name: zram is not read ahead."""
    if not (case.backend == "zram" and case.variant == "cluster3"):
        return case
    twin = next(c for c in cases() if not c.variant and replace(c, variant="cluster3").name == case.name)
    return replace(case, repeats=(*case.repeats, *twin.repeats))


@cache
def others(kind: str) -> float:
    """Refault activations that are not the replay's: the most that any replay of a `loop` had in plain cases.

    A loop over more than memory cannot have any, but on the host they were recorded for the whole machine.
    """
    loops = (case for case in cases() if case.trace == "loop" and not (case.guest or case.variant or case.on_disk))
    return max(max(case.values("refault activations")) for case in loops if case.kinds == (kind,))


@cache
def allowed(case: Case, quantity: str) -> tuple[float, float]:
    """How many too few and too many there may be."""
    few = many = known_spread(case, quantity) * (case.value(quantity) or 0)
    if quantity in BY_BATCH:
        few, many = max(few, BATCH), max(many, BATCH)
    if not case.guest:
        noise = max(others(kind) for kind in case.kinds)
        if quantity == "refault activations":
            few = max(few, noise)
        if (
            case.backend == "fileread"
            and quantity == "misses"
            and any(r["miss_cachestat"] is None for r in case.repeats)
        ):
            few = max(few, STOCK)  # pages that came are what was charged, the stock included
        if case.backend == "fileread" and quantity == "activations":
            many = max(many, UNFOLDED + noise)  # what stayed active and what left, less refaults, machine-wide
    return few, many


def countable(case: Case) -> tuple[str, ...]:
    """The quantities that are asked for: what was recorded, and often enough."""
    return tuple(quantity for quantity in QUANTITIES if (case.value(quantity) or 0) >= COUNTABLE)


def within(case: Case, quantity: str, counts: Mapping[str, float]) -> bool:
    """Whether the count is the kernel's, as far as it is known."""
    few, many = allowed(case, quantity)
    return -few <= counts[quantity] - (case.value(quantity) or 0) <= many


def all_within(case: Case, counts: Mapping[str, float]) -> bool:
    """Whether all counts of a run are the kernel's."""
    return all(within(case, quantity, counts) for quantity in countable(case))
