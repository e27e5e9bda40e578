"""The validation report, docs/validation.md: its numbers come from the recordings and from this run of the model."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template

import numpy as np

from mmrun.model.api import fingerprint
from tests.fidelity.cases import DISKS, HOST_SWAP, modelled
from tests.fidelity.compare import COUNTABLE, FLUSHES, PACES, PAGES, PHASES, Result, Summary, summaries
from tests.fidelity.dirty_report import section
from tests.fidelity.explained import Deviation, deviations
from tests.fidelity.generations_report import section as generations_section
from tests.fidelity.markdown import table
from tests.fidelity.published_reclaim import section as reclaim_section
from tests.fidelity.published_throttling import section as throttling_section
from tests.fidelity.recorded import HOST, QUANTITIES, Case, cases

GUESTS = ("6.1", "6.1+mglru")
GUEST_TARGETS = {"6.1": (0.5, 2.0), "6.1+mglru": (2.0, 5.0)}  # misses
TARGETS = {"misses": (0.5, 2.0), "scans": (2.0, None), "activations": (5.0, None)}
GROUPS = {
    "zram": "anonymous memory, swap on zram",
    "filemmap": "shared mapping of a file",
    "fileread": "read() of a file",
    "mixed": "half of the pages anonymous, half a mapped file",
    "mixed25": "a quarter anonymous",
    "diskswap": "anonymous memory, swap file on a disk",
    "diskfilemmap": "shared mapping of a file on a disk",
    "loopfilewrite": "the same, written",
}
TEMPLATE = Path(__file__).resolve().parent / "validation.template.md"
SPREAD = ("median %", "90th %", "worst %", "kernel median %", "kernel worst %")


def percent(value: float | None, digits: int = 2) -> str:
    """A share as a percentage; a dash for nothing."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


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
    for s in summaries(results, lambda case: not case.small):
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
            shares = [percent(a.jaccard, 1), percent(a.same), percent(a.itself, 1), percent(a.nearby, 1)]
            rows.append([r.case.name, *counts, *shares])
    head = ("case", "miss in the kernel", "in the model", "in both", "both / either %", "accesses alike %")
    return table((*head, "model and itself, a page less or more %", "kernel and model, best of 3 pages %"), rows)


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


def range_table(results: Sequence[Result], shown: Sequence[str], drop: str = "") -> str:
    """Cases simulated in several ways: recorded, nearest run, and the range of all runs. `drop`: end of the names."""
    rows = []
    for r in results:
        cells = []
        for quantity in shown:
            if (ends := r.range(quantity)) is None:
                continue
            if r.case.value(quantity) is None:
                cells.append("")
                continue
            low, high = (count(end) for end in ends)
            cells.append(f"{count(r.case.value(quantity))} / {count(r.value(quantity))} ({low}–{high})")
        if cells:
            rows.append([r.case.name.removesuffix(drop), *cells])
    return table(("recorded / nearest run (range)", *shown), rows)


def guest_tables(results: Sequence[Result]) -> str:
    """Errors of the recordings of Linux 6.1, by list variant, backend and size; what cannot run is said."""
    parts, head = [], ("backend, pages", "count", "cases", "median %", "90th %", "worst %")
    for kernel in GUESTS:
        members = [r for r in results if r.case.kernel == kernel]
        if not members:
            waiting = sum(case.kernel == kernel and not modelled(case) for case in cases())
            parts.append(f"`{kernel}`: {waiting} recordings are not compared: the model has no era of that name.")
            continue
        rows, median, ninth = [], *GUEST_TARGETS[kernel]
        for small in (False, True):
            for backend in dict.fromkeys(r.case.backend for r in members):
                alike = [r for r in members if r.case.backend == backend and r.case.small == small]
                found = summaries(alike, lambda case: True)
                size = "367 to 1,737" if small else "14,335 and 21,503"
                rows += [row[:6] for row in summary_rows(f"{backend}, {size}", found)]
        aimed = [r for r in members if kernel != "6.1" or not r.case.small]
        errors = next(s for s in summaries(aimed, lambda case: True) if s.quantity == "misses")
        met = 100 * errors.median <= median and 100 * errors.ninth <= ninth
        which = "all" if len(aimed) == len(members) else "the larger"
        verdict = f"Misses of {which} {errors.errors.size} cases: median {percent(errors.median)} %, 90th percentile "
        verdict += f"{percent(errors.ninth)} % (target {median} / {ninth}: {'met' if met else 'not met'})."
        nearest = next(
            s for s in summaries([r.with_stale() for r in aimed], lambda case: True) if s.quantity == "misses"
        )
        verdict += f" Of the nearest of the runs with and without a TLB: median {percent(nearest.median)} %, 90th "
        verdict += f"percentile {percent(nearest.ninth)} %, worst {percent(nearest.worst)} %."
        parts.append(f"**`{kernel}`**. {verdict}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def deviation_table(found: Sequence[Deviation]) -> str:
    """What is off by more than the kernel's repeats differ and pages of the limit explain; one row a case."""
    rows: dict[str, list[str]] = {}
    for d in found:
        if not d.by_pages:
            row = rows.setdefault(d.case.name, [d.case.name, "", d.reason])
            row[2] += f"; {d.reason}" if d.reason not in row[2] else ""
            row[1] += f"{'; ' if row[1] else ''}{d.quantity} {100 * d.error:+.2f} ({percent(d.spread)})"
    lines = ["case | off by % (kernel's spread) | why", "--- | --- | ---", *(" | ".join(row) for row in rows.values())]
    return "\n".join(f"| {line} |" for line in lines)


def report(results: Sequence[Result], figures: dict[str, str], date: str) -> str:
    """The whole page: the template with its numbers filled in."""
    host = [r for r in results if not r.case.guest and not r.case.on_disk]
    plain = [r for r in host if not r.case.variant]
    lagging = [r for r in host if r.case.variant == "lazyflush"]
    others = [r for r in host if r.case.variant not in ("", "lazyflush")]
    disks, guests = [r for r in results if r.case.on_disk], [r for r in results if r.case.guest]
    nearest = summary_rows("nearest run", summaries(lagging, lambda case: not case.small))
    middle = summary_rows("median run", summaries(lagging, lambda case: not case.small, middle=True))
    explained = [*plain, *others, *disks, *guests]
    off = deviations(explained)
    compared = sum(r.error(quantity) is not None for r in explained for quantity in QUANTITIES)
    agreed = [a.jaccard for r in plain if (a := r.agreement) is not None]
    nearby = [a.nearby for r in plain if (a := r.agreement) is not None]
    filled = {
        "date": date,
        "fingerprint": fingerprint(),
        "era": HOST,
        "countable": str(COUNTABLE),
        "groups": "; ".join(f"`{name}`: {doc}" for name, doc in GROUPS.items()),
        "verdicts": verdicts(plain),
        "agreed_median": percent(float(np.median(agreed)), 1),
        "agreed_worst": percent(min(agreed), 1),
        "nearby_median": percent(float(np.median(nearby)), 1),
        "nearby_worst": percent(min(nearby), 1),
        "large": summary_table(plain, lambda case: not case.small),
        "small": summary_table(plain, lambda case: case.small),
        "agreement": agreement_table(plain),
        "kills": kill_table(results),
        "phases": str(PHASES),
        "paces": str(len(PACES)),
        "runs": str(PHASES * len(PACES)),
        "lag_summary": table(("of the runs", "count", "cases", *SPREAD), nearest + middle),
        "lag": range_table(
            lagging, ("misses", "scans", "activations", "deactivations", "refault activations"), "-s60-lazyflush"
        ),
        "others": case_table(others),
        "generations": generations_section(),
        "dirty": section(),
        "published_reclaim": reclaim_section(),
        "throttling": throttling_section(),
        "disks": range_table(disks, ("misses", "swap-outs", "scans", "steals", "activations", "deactivations")),
        "service": f"{len(DISKS)}",
        "guests": guest_tables(guests),
        "guest_cases": case_table(guests),
        "stale": range_table(
            [r.with_stale() for r in guests if "mglru" in r.case.kernel],
            ("misses", "scans", "steals", "activations", "refault activations"),
        ),
        "flushes": ", ".join(f"{100 * share:g}" for share in FLUSHES),
        "compared": f"{compared:,}",
        "off": str(len(off)),
        "pages": str(PAGES),
        "by_pages": str(sum(d.by_pages for d in off)),
        "deviations": deviation_table(off),
        "cases": case_table(plain),
        "host_swap": ", ".join(f"`{name}`" for name in HOST_SWAP),
    }
    filled |= {f"figure_{name}": f"figures/{file}" for name, file in figures.items()}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(filled)
