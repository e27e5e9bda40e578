"""Figures that were published before and after a change, beside what the model makes of the same change."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from os import cpu_count

from mmrun.model.api import simulate
from mmrun.model.description import Cell
from tests.fidelity.markdown import table

Metrics = Mapping[str, int | float | str]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published pair and the cells that rebuild its set-up.

    `value` takes a cell's metrics to the published quantity. `missing`: the mechanism whose absence explains a wrong
    sign, "" where none is wrong.
    """

    case: str
    quantity: str
    before: float
    after: float
    cells: tuple[Cell, Cell]
    value: Callable[[Metrics], int | float]
    digits: int = 0
    missing: str = ""


@dataclass(frozen=True)
class Compared:
    """A published pair and the simulated one."""

    published: Published
    before: float
    after: float

    @property
    def sign_is_right(self) -> bool:
        """Whether both changes go the same way; no change at all is neither up nor down."""
        return sign(self.published.after - self.published.before) == sign(self.after - self.before)


def sign(value: float) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def _metrics(cell: Cell) -> Metrics:
    return simulate(cell).metrics


def compare(figures: Sequence[Published]) -> list[Compared]:
    """Run every cell once, several at a time, and put the pairs side by side."""
    cells: list[Cell] = []
    for figure in figures:
        cells += [cell for cell in figure.cells if cell not in cells]
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as pool:
        metrics = list(pool.map(_metrics, cells))
    found = []
    for figure in figures:
        before, after = (figure.value(metrics[cells.index(cell)]) for cell in figure.cells)
        found.append(Compared(figure, before, after))
    return found


def change(before: float, after: float) -> str:
    """after / before - 1 in per cent, as a ratio where it is more than tenfold, a dash from nothing."""
    if before == 0:
        return "0" if after == 0 else "from 0"
    if after and not 0.1 <= after / before <= 10:
        return f"× {after / before:.3g}"
    return f"{100 * (after / before - 1):+.1f} %"


def side_by_side(found: Sequence[Compared]) -> str:
    """The table in Markdown, and under it how many signs are right and why the others are not."""
    rows = []
    for c in found:
        p, digits = c.published, c.published.digits
        pairs = [
            f"{one:,.{digits}f} → {other:,.{digits}f}" for one, other in ((p.before, p.after), (c.before, c.after))
        ]
        rows.append(
            [p.case, p.quantity, pairs[0], change(p.before, p.after), pairs[1], change(c.before, c.after),
             "yes" if c.sign_is_right else "no"]
        )  # fmt: skip
    head = ("case", "quantity", "published", "change", "simulated", "change", "sign right")
    right = sum(c.sign_is_right for c in found)
    others = [c.published for c in found if not c.sign_is_right]
    wrong = [f"- {p.case}, {p.quantity}: {p.missing or 'not known'}" for p in others]
    said = f"{right} of {len(found)} signs are right."
    if not wrong:
        return f"{table(head, rows)}\n\n{said}"
    return f"{table(head, rows)}\n\n{said} The others:\n\n" + "\n".join(wrong)
