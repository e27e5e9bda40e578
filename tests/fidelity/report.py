"""The validation report, docs/validation.md: its numbers come from the recordings and from this run of the model."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template

import numpy as np

from mmrun.model.api import fingerprint
from mmrun.model.units import MS
from tests.fidelity import iommu, numa, slab, tcp, zswap
from tests.fidelity.cases import DISKS, HOST_SWAP, modelled
from tests.fidelity.compare import COUNTABLE, PACES, WORKER_PHASES, Result, Summary, summaries
from tests.fidelity.curves import distribution, gaps, worst
from tests.fidelity.dirty_report import section
from tests.fidelity.explained import Verdict, judge
from tests.fidelity.generations_report import section as generations_section
from tests.fidelity.headline import summary
from tests.fidelity.markdown import table
from tests.fidelity.published_dma import section as dma_section
from tests.fidelity.published_reclaim import section as reclaim_section
from tests.fidelity.published_swap import section as swap_section
from tests.fidelity.published_throttling import section as throttling_section
from tests.fidelity.recorded import HOST, QUANTITIES, Case, cases
from tests.fidelity.spread import BATCH, countable
from tests.fidelity.unknowns import HOST_TLB, PAGES, PERIODS, PHASES, SENSITIVE, SHARES, TLB, UNKNOWNS, stale_on_host

GUESTS = ("6.1", "6.12", "6.1+mglru")
GUEST_TARGETS = {"6.1": (0.5, 2.0), "6.12": (0.5, 2.0), "6.1+mglru": (2.0, 5.0)}  # misses
TARGETS = {"misses": (0.5, 2.0), "scans": (2.0, None), "activations": (5.0, None)}
GROUPS = {
    "zram": "anonymous memory, swap on zram",
    "brd": "anonymous memory, swap on a RAM disk",
    "filemmap": "shared mapping of a file",
    "fileread": "read() of a file",
    "mixed": "half of the pages anonymous, half a mapped file",
    "mixed25": "a quarter anonymous",
    "diskswap": "anonymous memory, swap file on a disk",
    "diskfilemmap": "shared mapping of a file on a disk",
    "loopfilewrite": "the same, written",
}
LITTLE = 0.005  # of a count: off by less than this it is told apart from what is off by much
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
            own = [percent(a.itself, 1), percent(a.phased, 1), percent(min(a.itself, a.phased), 1)]
            shares = [percent(a.jaccard, 1), percent(a.same), *own, percent(a.nearby, 1)]
            rows.append([r.case.name, *counts, *shares])
    head = ("case", "miss in the kernel", "in the model", "in both", "both / either %", "accesses alike %")
    own = ("model and itself, a page less or more %", "monitor later %", "the worse of the two %")
    return table((*head, *own, "kernel and model, best of all %"), rows)


def sensitivity_table(results: Sequence[Result]) -> str:
    """Small limits: the error beside the kernel's spread and what a page or the monitor's phase does to the model."""
    rows = []
    for quantity in QUANTITIES:
        counted = [r for r in results if quantity in countable(r.case)]
        own = [r for r in counted if r.error(quantity) is not None]
        if not own:
            continue
        columns = [[abs(r.error(quantity) or 0) for r in own], [s for r in own if (s := r.case.spread(quantity))]]
        for unknown in SENSITIVE:
            columns.append([s for r in own if (s := r.sensitivity(quantity, unknown.name)) is not None])
        figures = [percent(float(f(c))) if c else "–" for c in columns for f in (np.median, np.max)]
        rows.append([quantity, str(len(own)), *figures])
    kinds = ("error", "kernel's spread", f"limit, {PAGES} pages", "monitor's phase")
    return table(("count", "cases", *(f"{kind}, {which} %" for kind in kinds for which in ("median", "worst"))), rows)


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


def stale_tables(results: Sequence[Result]) -> tuple[str, str]:
    """Guests with generations, and small cases of the host, with the runs through a TLB among the runs."""
    guests = [r.with_trials(TLB.name) for r in results if "mglru" in r.case.kernel]
    host = [r.with_trials(HOST_TLB.name) for r in results if stale_on_host(r.case) and r.at(HOST_TLB.name)]
    shown = ("misses", "scans", "steals", "activations", "refault activations")
    return range_table(guests, shown), range_table(host, shown)


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
        aimed = [r for r in members if "mglru" in kernel or not r.case.small]
        errors = next(s for s in summaries(aimed, lambda case: True) if s.quantity == "misses")
        met = 100 * errors.median <= median and 100 * errors.ninth <= ninth
        which = "all" if len(aimed) == len(members) else "the larger"
        verdict = f"Misses of {which} {errors.errors.size} cases: median {percent(errors.median)} %, 90th percentile "
        verdict += f"{percent(errors.ninth)} % (target {median} / {ninth}: {'met' if met else 'not met'})."
        parts.append(f"**`{kernel}`**. {verdict}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def off_by(verdict: Verdict) -> str:
    """The counts of a case that are off, with the kernel's spread."""
    return "; ".join(f"{each.quantity} {100 * each.error:+.2f} ({percent(each.spread)})" for each in verdict.off)


def explained_table(found: Sequence[Verdict]) -> str:
    """The cases that a value of an unknown explains."""
    rows = [
        [v.result.case.name, off_by(v), f"{v.explained.unknown}: {v.explained.value}"] for v in found if v.explained
    ]
    return "\n".join(["| case | off by % (kernel's spread) | all counts are the kernel's at |", "| --- | --- | --- |",
                      *(f"| {' | '.join(row)} |" for row in rows)])  # fmt: skip


def unexplained_table(found: Sequence[Verdict]) -> str:
    """The cases that no value explains: the best of those tried, and where to look."""
    lines = ["| case | off by % (kernel's spread) | best value tried | where to look |", "| --- | --- | --- | --- |"]
    for v in (verdict for verdict in found if verdict.explained is None):
        asked = len(countable(v.result.case))
        best = "–"
        if v.best is not None and v.hits(v.best):
            best = f"{v.best.unknown}, {v.best.value}: {v.hits(v.best)} of {asked} counts"
        lines.append(f"| {v.result.case.name} | {off_by(v)} | {best} | {v.suspected} |")
    return "\n".join(lines)


def verdict_numbers(judged: Sequence[Result]) -> dict[str, str]:
    """How many cases and counts are off, explained and not."""
    found = [v for result in judged if (v := judge(result)) is not None]
    known = [v for v in found if v.explained is not None]
    by = Counter(v.explained.unknown for v in known if v.explained is not None)
    return {
        "judged": f"{len(judged)}",
        "compared": f"{sum(len(countable(result.case)) for result in judged):,}",
        "off": str(sum(len(v.off) for v in found)),
        "off_cases": str(len(found)),
        "known": str(sum(len(v.off) for v in known)),
        "known_cases": str(len(known)),
        "by_unknown": ", ".join(f"{name} {number}" for name, number in by.most_common()),
        "open": str(sum(len(v.off) for v in found if v.explained is None)),
        "open_cases": str(len(found) - len(known)),
        "open_little": str(sum(abs(each.error) < LITTLE for v in found if v.explained is None for each in v.off)),
        "little": f"{100 * LITTLE:g}",
        "explained": explained_table(found),
        "unexplained": unexplained_table(found),
    }


def report(results: Sequence[Result], figures: dict[str, str], date: str) -> str:
    """The whole page: the template with its numbers filled in."""
    host = [r for r in results if not r.case.guest and not r.case.on_disk]
    plain = [r for r in host if not r.case.variant]
    lagging = [r for r in host if r.case.variant == "lazyflush"]
    others = [r for r in host if r.case.variant not in ("", "lazyflush")]
    disks, guests = [r for r in results if r.case.on_disk], [r for r in results if r.case.guest]
    nearest = summary_rows("nearest run", summaries(lagging, lambda case: not case.small))
    middle = summary_rows("median run", summaries(lagging, lambda case: not case.small, middle=True))
    stale_guests, stale_host = stale_tables(results)
    found_gaps = gaps(results)
    agreed = [a.jaccard for r in plain if (a := r.agreement) is not None]
    nearby = [a.nearby for r in plain if (a := r.agreement) is not None]
    filled = {
        "date": date,
        "fingerprint": fingerprint(),
        "era": HOST,
        "countable": str(COUNTABLE),
        "groups": "; ".join(f"`{name}`: {doc}" for name, doc in GROUPS.items()),
        "summary": summary(results),
        "verdicts": verdicts(plain),
        "agreed_median": percent(float(np.median(agreed)), 1),
        "agreed_worst": percent(min(agreed), 1),
        "nearby_median": percent(float(np.median(nearby)), 1),
        "nearby_worst": percent(min(nearby), 1),
        "large": summary_table(plain, lambda case: not case.small),
        "small": summary_table(plain, lambda case: case.small),
        "sensitivity": sensitivity_table([r for r in plain if r.case.small]),
        "agreement": agreement_table(plain),
        "kills": kill_table(results),
        "phases": str(WORKER_PHASES),
        "paces": str(len(PACES)),
        "runs": str(WORKER_PHASES * len(PACES)),
        "lag_summary": table(("of the runs", "count", "cases", *SPREAD), nearest + middle),
        "lag": range_table(
            lagging, ("misses", "scans", "activations", "deactivations", "refault activations"), "-s60-lazyflush"
        ),
        "others": case_table(others),
        "generations": generations_section(),
        "dirty": section(),
        "published_reclaim": reclaim_section(),
        "published_swap": swap_section(),
        "published_dma": dma_section(),
        "iommu": iommu.section(),
        "throttling": throttling_section(),
        "disks": range_table(disks, ("misses", "swap-outs", "scans", "steals", "activations", "deactivations")),
        "service": "; ".join(DISKS),
        "guests": guest_tables(guests),
        "guest_cases": case_table(guests),
        "stale": stale_guests,
        "stale_host": stale_host,
        "flushes": ", ".join(f"{100 * share:g}" for share in SHARES),
        "periods": ", ".join(f"{period / MS:g}" for period in PERIODS),
        "curve_count": str(len({gap.result.case.name for gap in found_gaps})),
        "curve_gaps": distribution(found_gaps),
        "curve_worst": worst(found_gaps),
        "numa": numa.section(),
        "slab": slab.section(),
        "tcp": tcp.section(),
        "zswap": zswap.section(),
        "batch": str(BATCH),
        "pages": str(PAGES),
        "monitor_phases": ", ".join(str(later) for later in PHASES),
        "unknowns": "\n".join(f"- *{name}*: {why}." for name, why in {u.name: u.why for u in UNKNOWNS}.items()),
        "cases": case_table(plain),
        "host_swap": ", ".join(f"`{name}`" for name in HOST_SWAP),
    }
    filled |= verdict_numbers([*plain, *others, *disks, *guests])
    filled |= {f"figure_{name}": f"figures/{file}" for name, file in figures.items()}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(filled)
