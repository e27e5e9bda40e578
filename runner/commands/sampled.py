"""The options of `mmrun run` that say what of a series is wanted, and where it goes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell

if TYPE_CHECKING:
    import numpy as np

    from mmrun.model.api import Outcome


@frozen
class Sampled:
    """The cell as it is sampled, and what is to become of its series; neither file nor `prints`: nothing."""

    cell: Cell
    out: Path | None
    columns: list[str]
    prints: bool

    @staticmethod
    def of(cell: Cell, every: str, out: Path | None, columns: list[str]) -> "Sampled":
        """The cell sampled so often, or as it says itself. BadParameter where it would write no series."""
        from mmrun.model import catalogue, registry
        from mmrun.runner.report.run_series import FORMATS

        if not (every or out):
            if columns:
                raise typer.BadParameter("they are of a series: add --series 10ms", param_hint="--column")
            return Sampled(cell, None, [], False)
        if out is not None and out.suffix not in FORMATS:
            raise typer.BadParameter(f"{out}: a name that ends in {' or '.join(FORMATS)}", param_hint="--series-out")
        if every:
            cell = replace(cell, sampling=replace(cell.sampling, every=time(every), accesses=None))
        if not catalogue.series(registry.resolve(cell)):
            fix = "a yardstick has none" if every else "say how often with --series 10ms; a yardstick has none"
            raise typer.BadParameter(f"this cell samples nothing ({fix})", param_hint="--series")
        return Sampled(cell, out, columns, out is None)

    def tell(self, outcome: "Outcome") -> "dict[str, np.ndarray]":
        """Write the series, or give what is to be printed of it."""
        from mmrun.runner.report.run_series import chosen, like_vmstat, rates, write

        if not (self.out or self.prints):
            return {}
        if not outcome.series:
            raise typer.BadParameter("the run ended before the first sample", param_hint="--series")
        found = rates(outcome.series)
        wanted = self.columns or (like_vmstat(found) if self.out is None else ["*"])
        try:
            found = chosen(found, wanted)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--column") from None
        if self.out is None:
            return found
        write(found, self.out)
        return {}

    def lines(self, columns: "dict[str, np.ndarray]") -> list[str]:
        """The columns as a table."""
        from mmrun.runner.report.run_series import lines

        return lines(columns)

    def plain(self, columns: "dict[str, np.ndarray]") -> dict[str, list[float]]:
        """The columns as lists."""
        return {name: column.tolist() for name, column in columns.items()}


def time(every: str) -> int:
    """An interval in ns: a time, or a number of ms. BadParameter says what is wrong."""
    from mmrun.runner.config.units import UnitError, parse

    try:
        found = parse(every + "ms" if every.replace(".", "", 1).isdigit() else every, "ns")
    except UnitError as error:
        text = f"{error} ({error.fix}; a file goes to --series-out)"
        raise typer.BadParameter(text, param_hint="--series") from None
    if found < 1:
        raise typer.BadParameter("an interval is at least 1ns", param_hint="--series")
    return found
