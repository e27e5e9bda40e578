"""What a report must know of a sweep that its results do not say: what was left out and why, what is a yardstick."""

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from mmrun.model.core.frozen import frozen

LETTERS = "ABCDEFGHJKLM"  # of factors: without I, which is the product of none
FULL_DESIGN = "full"  # the resolution of a design that runs every combination
NOT_THERE, EXCLUDED, NOT_SWEPT = "n/a", "excluded", "not swept"
MEANING = {
    NOT_THERE: "does not exist there",
    EXCLUDED: "left out of the sweep by its `exclude` or `when`",
    NOT_SWEPT: "no combination of this sweep",
}


@frozen
class Absence:
    """Cells that `exclude` or `when` took out of a sweep: those at `match` that are not at `unless` (axis -> labels).

    `why` is what the model has against such a cell; empty if the cell could be run.
    """

    match: dict[str, list[str]]
    unless: dict[str, list[str]] = field(default_factory=dict)
    why: str = ""

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether cells with these labels, and any on other axes, are among them."""
        return _at(self.match, labels) and not (self.unless and _at(self.unless, labels))


@frozen
class Factorial:
    """The design of a sweep's `factorial`: its factors, those of which all combinations are run first, with their
    two levels each, the baseline first.

    `words`: factors by their `LETTERS` whose product is the same in every run; an even number of them at their second
    level in each, as there is in the baseline.
    """

    factors: list[str]
    labels: list[list[str]]
    runs: int
    resolution: str
    words: list[str] = field(default_factory=list)

    @property
    def levels(self) -> dict[str, list[str]]:
        """The two levels of each factor."""
        return dict(zip(self.factors, self.labels, strict=True))

    def letter(self, factor: str) -> str:
        """The letter of a factor in words."""
        return LETTERS[self.factors.index(factor)]


@frozen
class SweepFacts:
    """`yardsticks`: axis -> labels under which a policy of the textbook runs in place of a kernel."""

    absences: tuple[Absence, ...] = ()
    yardsticks: dict[str, list[str]] = field(default_factory=dict)
    factorial: Factorial | None = None

    def why_absent(self, labels: Mapping[str, str]) -> tuple[str, str]:
        """The word for a place without a cell, and the model's reason if there is no such thing."""
        found = [absence for absence in self.absences if absence.covers(labels)]
        if not found:
            return NOT_SWEPT, ""
        why = next((absence.why for absence in found if absence.why), "")
        return (NOT_THERE if why else EXCLUDED), why

    def plain(self) -> dict[str, Any]:
        """In JSON's terms, for the manifest."""
        return asdict(self)


NO_FACTS = SweepFacts()


def facts_from(data: Mapping[str, Any]) -> SweepFacts:
    """The facts that `plain` made `data` of; none from an empty mapping."""
    absences = tuple(Absence(**item) for item in data.get("absences", ()))
    design = data.get("factorial")
    return SweepFacts(absences, dict(data.get("yardsticks", {})), Factorial(**design) if design else None)


def _at(wanted: Mapping[str, list[str]], labels: Mapping[str, str]) -> bool:
    """Whether the labels, as far as they are known, are among the wanted ones."""
    return all(axis not in labels or labels[axis] in allowed for axis, allowed in wanted.items())
