"""How often the report's intervals hold and its tests reject, by simulation of replicates whose truth is known.

`python -m benchmarks.statistics` prints the tables and writes them into docs/statistics.md, below `MARK`. It measures
the functions that reports use, beside those they used before (BCa bootstrap, sign flips).
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import effects
from benchmarks.statistics_before import bca_interval, flip_p, grown_until
from mmrun.runner.plan.replication import needed
from mmrun.runner.report import intervals, shape
from mmrun.runner.report.stats import MIN_FIELLER, MIN_TEST

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
MARK = "<!-- what follows is written by python -m benchmarks.statistics -->"
NS = (3, 5, 8, 10, 20)
FAMILY, LEVEL = 21, 0.95
PILOT, MOST = 10, 200

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Noise:
    """Replicates of a known kind. `truth` is their mean (of log ratios it is 0), or any of several."""

    name: str
    draw: Draw
    truth: float = 0.0
    others: tuple[float, ...] = ()
    quiet: bool = False
    """Of log ratios: one of the two cells has no noise."""

    def held(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Which intervals hold the truth."""
        found: np.ndarray = np.any([(low <= truth) & (truth <= high) for truth in (self.truth, *self.others)], axis=0)
        return found


def two_worlds(share: float, factor: float) -> Draw:
    """Noise of 2 % about 100, in a share of the runs about `factor` times as much."""
    return lambda r, s: np.where(r.random(s) < share, 100 * factor, 100.0) * r.normal(1, 0.02, s)


VALUES = (
    Noise("normal, cv 5 %", lambda r, s: r.normal(100, 5, s), 100.0),
    Noise("lognormal, s 0.2", lambda r, s: r.lognormal(0, 0.2, s), float(np.exp(0.02))),
    Noise("heavy tails (t, 3 degrees), cv 9 %", lambda r, s: 100 + 5 * r.standard_t(3, s), 100.0),
    Noise("Poisson, mean 3", lambda r, s: r.poisson(3, s).astype(float), 3.0),
    Noise("Poisson, mean 0.5 (zeros)", lambda r, s: r.poisson(0.5, s).astype(float), 0.5),
    Noise("one-sided (exponential), cv 5 %", lambda r, s: 95 + r.exponential(5, s), 100.0),
    Noise("lognormal, s 1", lambda r, s: r.lognormal(0, 1, s), float(np.exp(0.5))),
    Noise("two modes, 80 and 20 %, x 3: mean of both", two_worlds(0.2, 3), 140.0),
    Noise("two modes: mean of the mode seen", two_worlds(0.2, 3), 100.0, (300.0,)),
    Noise("rare jump, 90 and 10 %, x 3: mean of both", two_worlds(0.1, 3), 120.0),
    Noise("rare jump: mean of the mode seen", two_worlds(0.1, 3), 100.0, (300.0,)),
)


def difference(draw: Draw) -> Draw:
    """The log ratio of two cells of one kind of noise."""
    return lambda r, s: np.log(draw(r, s)) - np.log(draw(r, s))


def shared(r: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
    """Log ratios of many variants to one baseline: all have its noise in common."""
    return r.normal(0, 0.05, s) - r.normal(0, 0.05, (*s[:-2], 1, s[-1]))


RATIOS = (
    Noise("normal, cv 5 %, both", difference(VALUES[0].draw)),
    Noise("normal, one baseline for all", shared),
    Noise("lognormal, s 1, both", difference(VALUES[6].draw)),
    Noise("heavy tails, both", lambda r, s: 0.05 * (r.standard_t(3, s) - r.standard_t(3, s))),
    Noise("heavy tails, one", lambda r, s: 0.05 * r.standard_t(3, s), quiet=True),
    Noise("one-sided, both", difference(VALUES[5].draw)),
    Noise("one-sided, one (the other without noise)", lambda r, s: 0.05 * (r.exponential(1, s) - 1), quiet=True),
    Noise("two modes, both", difference(VALUES[7].draw)),
    Noise("rare jump, both", difference(VALUES[9].draw)),
    Noise(
        "rare jump, one (the other at its mean)",
        lambda r, s: np.log(VALUES[9].draw(r, s)) - np.log(100) - 0.10966,
        quiet=True,
    ),
)


def printed(x: np.ndarray, of_means: bool) -> np.ndarray:
    """Which samples get an interval: those that are neither in modes nor, for a mean, too wide, nor all alike."""
    ordered = np.sort(x if of_means else np.exp(x), axis=-1)
    step = shape.STEP if of_means else 0.0
    flagged = shape.apart(ordered, 1, step)[0]
    if x.shape[-1] > 3:
        flagged |= shape.apart(ordered, 2, step)[0]
    if of_means:
        flagged |= shape.wide(x)
    found: np.ndarray = ~flagged & (np.ptp(x, axis=-1) > 0)
    return found


def percent(count: float, total: float) -> str:
    """A share in percent, a dash without a total."""
    return f"{100 * count / total:.1f}" if total else "–"


def coverage(noises: tuple[Noise, ...], rows: int, of_means: bool) -> list[str]:
    """A line for each kind of noise: before, now, and how often an interval is printed, for every n."""
    rng = np.random.default_rng(1)
    heads = [f"n = {n}" for n in NS]
    lines = [f"| noise | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(NS)]
    for noise in noises:
        cells = []
        for n in NS:
            x = noise.draw(rng, (rows, 1, n))[:, 0]
            low, high = (intervals.mean_interval if of_means or noise.quiet else intervals.t_interval)(x, LEVEL)
            shown, inside = printed(x, of_means), noise.held(low, high)
            few = x[: rows // 4]
            old = "–"
            if n >= 5:  # below there was a range
                old_low, old_high = bca_interval(few, rng, LEVEL)
                old = percent(np.sum(noise.held(old_low, old_high)), len(few))
            share = np.mean(shown)
            said = "" if share > 0.98 else f" of {100 * share:.0f} %"
            cells.append(f"{old} → **{percent(np.sum(inside & shown), np.sum(shown))}**{said}")
        lines.append(f"| {noise.name} | {' | '.join(cells)} |")
    return lines


def any_rejected(p: np.ndarray, tested: np.ndarray) -> float:
    """Share of families (rows) in which Holm's correction leaves some p below 5 %."""
    least = np.min(np.where(tested, p, 1.0), axis=-1) * np.sum(tested, axis=-1)
    return float(np.mean((least < 0.05) & np.any(tested, axis=-1)))


def families(families_: int) -> list[str]:
    """Share of families of 21 true nulls with a false rejection: sign flips before, t before, now."""
    rng, ns = np.random.default_rng(2), (3, 5, 10, 20)
    heads = " | ".join(f"n = {n}" for n in ns)
    lines = [f"| noise of the log ratios | {heads} |", "| --- |" + " ---: |" * len(ns)]
    for noise in RATIOS:
        cells = []
        for n in ns:
            x = noise.draw(rng, (families_, FAMILY, n))
            p, shown = intervals.t_p(x), printed(x, of_means=False)
            every = np.ones_like(shown)
            flips = (
                f"{100 * any_rejected(flip_p(x[: families_ // 4], rng), every[: families_ // 4]):.1f}"
                if n >= 5
                else "–"
            )
            now = f"**{100 * any_rejected(p, shown):.1f}**" if n >= MIN_TEST and not noise.quiet else "–"
            cells.append(f"{flips}, {100 * any_rejected(p, every):.1f} → {now}")
        lines.append(f"| {noise.name} | {' | '.join(cells)} |")
    return lines


def power(rows: int) -> list[str]:
    """Share of true effects that one test, and one of 21 under Holm, finds."""
    rng, ns = np.random.default_rng(3), (3, 5, 10, 20)
    heads = " | ".join(f"n = {n}" for n in ns)
    lines = [f"| effect, spread of the ratios | {heads} |", "| --- |" + " ---: |" * len(ns)]
    for effect in (0.01, 0.02, 0.05):
        for cv in (0.01, 0.02, 0.05):
            cells = []
            for n in ns:
                x = np.log1p(effect) + rng.normal(0, cv, (rows, n))
                p, shown = intervals.t_p(x), printed(x, of_means=False)
                old = f"{100 * np.mean(flip_p(x[: rows // 4], rng) < 0.05):.0f}" if n >= 5 else "0"
                one, of_many = np.mean((p < 0.05) & shown), np.mean((p < 0.05 / FAMILY) & shown)
                now = f"**{100 * one:.0f}** ({100 * of_many:.0f})" if n >= MIN_TEST else "–"
                cells.append(f"{old} → {now}")
            lines.append(f"| {100 * effect:.0f} %, {100 * cv:.0f} % | {' | '.join(cells)} |")
    return lines


def ratios_of_counts(rows: int) -> list[str]:
    """Coverage of Fieller's interval where some replicates are 0, and how often there is one."""
    rng = np.random.default_rng(4)
    lines = ["| counts | " + " | ".join(f"n = {n}" for n in NS) + " |", "| --- |" + " ---: |" * len(NS)]
    for mean_a, mean_b in ((3, 3), (1, 1), (1, 3), (0.3, 3)):
        cells = []
        for n in NS:
            a, b = (rng.poisson(mean, (rows, n)).astype(float) for mean in (mean_a, mean_b))
            some = np.minimum(a, b).min(axis=-1) == 0
            low, high = intervals.ratio_of_means_interval(a[some], b[some], LEVEL)
            rare = np.maximum(np.mean(a[some] == 0, axis=-1), np.mean(b[some] == 0, axis=-1)) > 0.5
            shown = np.isfinite(low) & ~rare & (n >= MIN_FIELLER)
            inside = shown & (low <= mean_a / mean_b) & (mean_a / mean_b <= high)
            cells.append(f"**{percent(np.sum(inside), np.sum(shown))}** of {100 * np.mean(shown):.0f} %")
        lines.append(f"| Poisson {mean_a} / Poisson {mean_b} | {' | '.join(cells)} |")
    return lines


def flags(rows: int) -> list[str]:
    """How often replicates are said to lie in modes, or to be too wide."""
    rng = np.random.default_rng(5)
    lines = ["| noise | " + " | ".join(f"n = {n}" for n in NS) + " |", "| --- |" + " ---: |" * len(NS)]
    for noise in (noise for noise in VALUES if not noise.others):
        cells = []
        for n in NS:
            x = noise.draw(rng, (rows, 1, n))[:, 0]
            ordered = np.sort(x, axis=-1)
            modes = shape.apart(ordered)[0]
            if n > 3:
                modes |= shape.apart(ordered, 2)[0]
            cells.append(f"{percent(np.sum(modes), rows)}, {percent(np.sum(shape.wide(x) & ~modes), rows)}")
        lines.append(f"| {noise.name} | {' | '.join(cells)} |")
    return lines


def stopping(rows: int, noises: Sequence[Noise] = (*VALUES[:3], VALUES[5], *VALUES[7:])) -> list[str]:
    """`until`: coverage of the interval that is printed in the end, before and now, and what that took."""
    rng = np.random.default_rng(6)
    wanted = (0.02, 0.05, 0.10)
    lines = [
        "| noise | " + " | ".join(f"± {100 * h:.0f} %" for h in wanted) + " |", "| --- |" + " ---: |" * len(wanted),
    ]  # fmt: skip
    for noise in noises:
        cells = []
        for half_width in wanted:
            counts, inside, shown = [], 0, 0
            for _ in range(rows):
                x = noise.draw(rng, (1, 1, MOST))[0, 0]
                n = pilot_and_rest(x, half_width)
                counts.append(n)
                if printed(x[None, :n], of_means=True)[0]:
                    low, high = intervals.mean_interval(x[:n], LEVEL)
                    shown, inside = shown + 1, inside + int(noise.held(low, high))
            old = grown_until(noise.draw, noise.held, half_width, rng, rows // 4, MOST, LEVEL)
            said = "" if shown > 0.98 * rows else f" of {100 * shown / rows:.0f} %"
            cells.append(f"{100 * old:.1f} → **{percent(inside, shown)}**{said}, n {np.median(counts):.0f}")
        lines.append(f"| {noise.name} | {' | '.join(cells)} |")
    return lines


def pilot_and_rest(x: np.ndarray, half_width: float) -> int:
    """How many of the replicates a sweep with `until` would run."""
    n = 0
    while (more := min(MOST, needed(dict(enumerate(x[: max(n, PILOT)].tolist())), PILOT, half_width))) > n:
        n = int(more)
    return n


def tables(rows: int) -> str:
    """All tables in Markdown; `rows` are samples a cell."""
    parts = [
        ("Means: intervals that hold the truth, BCa before → now, percent", coverage(VALUES, rows, of_means=True)),
        ("Ratios: intervals that hold the truth, BCa before → now, percent", coverage(RATIOS, rows, of_means=False)),
        ("Ratios of means, where a replicate is 0: intervals that hold the truth, percent", ratios_of_counts(rows)),
        ("Families of 21 true nulls with a false rejection after Holm: sign flips, t before → now, percent",
         families(max(20, rows // 10))),
        ("Power: sign flips before → now (one of 21 tests under Holm), percent", power(rows)),
        ("Flags: in modes, too wide; percent of samples", flags(rows)),
        ("`until`: intervals that hold the truth, before → now, percent, and the median n",
         stopping(max(20, rows // 20))),
        *effects.tables(max(20, rows // 20)),
    ]  # fmt: skip
    return "\n\n".join(f"### {title}\n\n" + "\n".join(lines) for title, lines in parts) + "\n"


def main() -> None:
    """Print the tables and put them into the page."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    started = time.process_time()
    text = tables(rows)
    error, families_error = (100 * (0.05 * 0.95 / n) ** 0.5 for n in (rows, rows // 10))
    head = (
        f"{rows:,} samples a cell: standard error {error:.2f} points at 95 %; {rows // 10:,} families: "
        f"{families_error:.1f} at 5 %; {rows // 20:,} sweeps and designs; a quarter of the samples for what was before."
    )
    page = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{page}{MARK}\n\n{head}\n\n{text}", encoding="utf-8")
    print(text, f"{time.process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
