"""The validation report, docs/validation.md: its numbers come from the recordings and from this run of the model."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template

import numpy as np

from model.api import fingerprint
from tests.fidelity.cases import HOST_SWAP, KERNEL
from tests.fidelity.compare import COUNTABLE, PACES, PHASES, Result, Summary, summaries
from tests.fidelity.recorded import QUANTITIES, Case

TARGETS = {"misses": (0.5, 2.0), "scans": (2.0, None), "activations": (5.0, None)}
GROUPS = {
    "zram": "anonymous memory, swap on zram",
    "filemmap": "shared mapping of a file",
    "fileread": "read() of a file",
    "mixed": "half of the pages anonymous, half a mapped file",
    "mixed25": "a quarter anonymous",
}
TEMPLATE = Path(__file__).resolve().parent / "validation.template.md"
SPREAD = ("median %", "90th %", "worst %", "kernel median %", "kernel worst %")


def percent(value: float | None, digits: int = 2) -> str:
    """A share as a percentage; a dash for nothing."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, first column left-aligned, the others right-aligned."""
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1)), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def summary_rows(group: str, found: Sequence[Summary]) -> list[list[str]]:
    """One row a quantity: errors beside the spread of the kernel's own repeats."""
    rows = []
    for s in found:
        spread = ["–", "–"]
        if s.spreads.size:
            spread = [percent(float(np.median(s.spreads))), percent(float(s.spreads.max()))]
        rows.append(
            [group, s.quantity, str(s.errors.size), percent(s.median), percent(s.ninth), percent(s.worst), *spread]
        )
    return rows


def summary_table(results: Sequence[Result], keep: Callable[[Case], bool]) -> str:
    """Errors by backend and quantity for the cases that `keep` keeps."""
    rows = []
    for group in GROUPS:
        members = [result for result in results if result.case.backend == group]
        rows += summary_rows(group, summaries(members, keep))
    return table(
        ("backend", "count", "cases", "median %", "90th %", "worst %", "kernel median %", "kernel worst %"), rows
    )


def verdicts(results: Sequence[Result]) -> str:
    """The errors over all large cases against the project's targets."""
    rows = []
    for s in summaries(results, lambda case: not case.variant and not case.small):
        aim, met = "–", ""
        if s.quantity in TARGETS:
            median, ninth = TARGETS[s.quantity]
            aim = f"{median}" if ninth is None else f"{median} / {ninth}"
            met = "yes" if 100 * s.median <= median and (ninth is None or 100 * s.ninth <= ninth) else "no"
        rows.append([s.quantity, str(s.errors.size), percent(s.median), percent(s.ninth), percent(s.worst), aim, met])
    return table(("count", "cases", "median %", "90th %", "worst %", "target %", "met"), rows)


def agreement_table(results: Sequence[Result]) -> str:
    """Which accesses miss, for the replays that recorded it."""
    rows = []
    for r in results:
        if (a := r.agreement) is not None:
            counts = [f"{n:,}" for n in (int(a.recorded.sum()), int(a.simulated.sum()), a.both)]
            shares = [percent(a.jaccard, 1), percent(a.same), percent(a.itself, 1)]
            rows.append([r.case.name, *counts, *shares])
    head = ("case", "miss in the kernel", "in the model", "in both", "both / either %", "accesses alike %")
    return table((*head, "model against itself, a page less or more: both / either %"), rows)


def count(value: float | None) -> str:
    """A count with separators; a dash for nothing."""
    return "–" if value is None else f"{value:,.0f}"


def case_table(results: Iterable[Result]) -> str:
    """Simulated / recorded for every quantity of every case."""
    rows = []
    for r in results:
        cells = []
        for quantity in QUANTITIES:
            recorded = r.case.value(quantity)
            cells.append("" if recorded is None else f"{count(r.value(quantity))} / {count(recorded)}")
        rows.append([r.case.name, *cells])
    return table(("case (simulated / recorded)", *QUANTITIES), rows)


def kill_table(results: Iterable[Result]) -> str:
    """Cases in which the kernel or the model ran out of memory."""
    rows = [
        [r.case.name, f"{r.case.killed} of {len(r.case.repeats)}", f"{r.killed} of {r.simulated}"]
        for r in results
        if r.killed or r.case.killed
    ]
    return table(("case", "killed in the kernel", "killed in the model"), rows)


def lag_table(results: Sequence[Result]) -> str:
    """Lagging statistics: recorded, nearest run, and the range of all runs."""
    shown = ("misses", "scans", "activations", "deactivations", "refault activations")
    rows = []
    for r in results:
        cells = []
        for quantity in shown:
            if (ends := r.range(quantity)) is not None:
                low, high = (count(end) for end in ends)
                cells.append(f"{count(r.case.value(quantity))} / {count(r.value(quantity))} ({low}–{high})")
        if cells:
            rows.append([r.case.name.removesuffix("-s60-lazyflush"), *cells])
    return table(("recorded / nearest run (range)", *shown), rows)


def report(results: Sequence[Result], figures: dict[str, str], date: str) -> str:
    """The whole page: the template with its numbers filled in."""
    plain = [r for r in results if not r.case.variant]
    lagging = [r for r in results if r.case.variant == "lazyflush"]
    nearest = summary_rows("nearest run", summaries(lagging, lambda case: not case.small))
    middle = summary_rows("median run", summaries(lagging, lambda case: not case.small, middle=True))
    agreed = [a.jaccard for r in plain if (a := r.agreement) is not None]
    filled = {
        "date": date,
        "fingerprint": fingerprint(),
        "era": KERNEL,
        "countable": str(COUNTABLE),
        "groups": "; ".join(f"`{name}`: {doc}" for name, doc in GROUPS.items()),
        "verdicts": verdicts(results),
        "agreed_median": percent(float(np.median(agreed)), 1),
        "agreed_worst": percent(min(agreed), 1),
        "large": summary_table(plain, lambda case: not case.small),
        "small": summary_table(plain, lambda case: case.small),
        "agreement": agreement_table(plain),
        "kills": kill_table(results),
        "phases": str(PHASES),
        "paces": str(len(PACES)),
        "runs": str(PHASES * len(PACES)),
        "lag_summary": table(("of the runs", "count", "cases", *SPREAD), nearest + middle),
        "lag": lag_table(lagging),
        "others": case_table(r for r in results if r.case.variant not in ("", "lazyflush")),
        "cases": case_table(plain),
        "host_swap": ", ".join(f"`{name}`" for name in HOST_SWAP),
    }
    filled |= {f"figure_{name}": f"figures/{file}" for name, file in figures.items()}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(filled)
