"""Places of a sweep that have no cell, and why: the sweep leaves them out, and perhaps there is no such machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_THERE, EXCLUDED, NOT_SWEPT = "n/a", "excluded", "not swept"
MEANING = {
    NOT_THERE: "does not exist there",
    EXCLUDED: "left out of the sweep by its `exclude` or `when`",
    NOT_SWEPT: "no combination of this sweep",
}


@dataclass(frozen=True)
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


def why_absent(absences: tuple[Absence, ...], labels: Mapping[str, str]) -> tuple[str, str]:
    """The word for a place without a cell, and the model's reason if there is no such thing."""
    found = [absence for absence in absences if absence.covers(labels)]
    if not found:
        return NOT_SWEPT, ""
    why = next((absence.why for absence in found if absence.why), "")
    return (NOT_THERE if why else EXCLUDED), why


def _at(wanted: Mapping[str, list[str]], labels: Mapping[str, str]) -> bool:
    """Whether the labels, as far as they are known, are among the wanted ones."""
    return all(axis not in labels or labels[axis] in allowed for axis, allowed in wanted.items())
