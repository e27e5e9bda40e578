"""How often intervals of effects hold and their tests reject, by simulation of designs whose effects are known.

`benchmarks/statistics.py` puts the tables into docs/statistics.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmrun.runner.report.contrasts import all_columns, contrasts, errors

NS = (4, 5, 8, 10)
ACTIVE = (0, 6, 16, 32)  # of 63 contrasts, effects
FACTORS = 6  # all combinations of them: 64 runs, 63 contrasts
FAMILY, LEVEL = 21, 0.95  # factors and pairs
SIZE = 6.0  # of a true effect, in standard errors of a contrast

Draw = Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]
Found = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Noise:
    """Values by design, run and replicate that no factor changes on average."""

    name: str
    draw: Draw


def half() -> np.ndarray:
    """The runs with the first factor at its second level."""
    return (np.arange(1 << FACTORS) & 1 == 1)[:, None]


def by_replicate(factors: int, times: float) -> Draw:
    """The first factors have an effect in each replicate, none on average, `times` the error of a contrast large."""

    def draw(r: np.random.Generator, s: tuple[int, int, int]) -> np.ndarray:
        x = r.normal(0, 0.05, s)
        for i in range(factors):
            sign = 2 * (np.arange(s[1]) >> i & 1) - 1
            x = x + r.normal(0, times * 0.05 / s[1] ** 0.5, (s[0], 1, s[2])) * sign[:, None]
        return x

    return draw


NOISES = (
    Noise("normal, cv 5 %", lambda r, s: r.normal(0, 0.05, s)),
    Noise("normal, five times as much with the first factor", lambda r, s: r.normal(0, 0.05, s) * (1 + 4 * half())),
    Noise("the first factor's effect differs by replicate, 3 times the noise", by_replicate(1, 3.0)),
    Noise("that of all six does, 1.5 times the noise", by_replicate(FACTORS, 1.5)),
    Noise("heavy tails (t, 3 degrees)", lambda r, s: 0.05 * r.standard_t(3, s)),
    Noise("one-sided (exponential)", lambda r, s: 0.05 * (r.exponential(1, s) - 1)),
    Noise(
        "rare jump, x 3, with the first factor",
        lambda r, s: (r.random(s) < 0.1) * half() * np.log(3) - 0.1 * half() * np.log(3) + r.normal(0, 0.02, s),
    ),
)


def standard_errors(found: np.ndarray) -> Found:
    """Error and degrees of freedom of each contrast: its own, that of all, and what reports use."""
    n, count = found.shape[-1], found.shape[-2]
    own = np.var(found, axis=-1, ddof=1)
    pooled = np.repeat(np.mean(own, axis=-1, keepdims=True), count, axis=-1)
    used = [errors(each, each) for each in found]
    return {
        "own": (np.sqrt(own / n), np.full(own.shape, n - 1.0)),
        "all": (np.sqrt(pooled / n), np.full(own.shape, (n - 1.0) * count)),
        "larger": (np.array([each.error for each in used]), np.array([each.freedom for each in used])),
    }


def figures(noise: Noise, n: int, rows: int, rng: np.random.Generator) -> dict[str, tuple[float, float, float, float]]:
    """Percent by method: intervals that hold, those of the first factor, families with a false rejection, power."""
    from scipy.stats import t

    signs = np.array([2 * (np.arange(1 << FACTORS) >> i & 1) - 1 for i in range(FACTORS)])
    found = contrasts(all_columns(signs), noise.draw(rng, (rows, 1 << FACTORS, n)))
    means, said = found.mean(axis=-1), {}
    true = SIZE * 0.1 / (n << FACTORS) ** 0.5
    for name, (error, freedom) in standard_errors(found).items():
        held: np.ndarray = np.abs(means) <= t.ppf((1 + LEVEL) / 2, freedom) * error
        p, p_true = (2 * np.asarray(t.sf(np.abs(x) / error, freedom))[:, :FAMILY] for x in (means, means + true))
        wrong = p.min(axis=-1) < (1 - LEVEL) / FAMILY
        hits = p_true < (1 - LEVEL) / FAMILY
        said[name] = (held.mean(), held[:, 0].mean(), wrong.mean(), hits.mean())
    return {name: tuple(100 * float(each) for each in parts) for name, parts in said.items()}  # type: ignore[misc]


def alone(rows: int, rng: np.random.Generator) -> list[str]:
    """What Lenth's error holds with one replicate, by how many contrasts are effects: a line for each figure."""
    from scipy.stats import t

    signs = np.array([2 * (np.arange(1 << FACTORS) >> i & 1) - 1 for i in range(FACTORS)])
    columns = all_columns(signs)
    lines = [f"| of 63 contrasts are effects | {' | '.join(map(str, ACTIVE))} |", "| --- |" + " ---: |" * len(ACTIVE)]
    cells = []
    for active in ACTIVE:
        found = contrasts(columns, rng.normal(0, 0.05, (rows, 1 << FACTORS, 1)))
        found[:, FAMILY : FAMILY + active] += (
            SIZE * 0.1 / (1 << FACTORS) ** 0.5 * rng.choice((-1, 1), (rows, active, 1))
        )
        made = [errors(each, each) for each in found]
        z = np.abs(found[..., 0]) / np.array([each.error for each in made])
        freedom = len(columns) / 3
        p = 2 * np.asarray(t.sf(z, freedom))
        held = np.mean(p[:, :FAMILY] > 1 - LEVEL)
        wrong = np.mean(p[:, :FAMILY].min(axis=-1) < (1 - LEVEL) / FAMILY)
        seen = np.mean(p[:, FAMILY : FAMILY + active] < (1 - LEVEL) / FAMILY) if active else np.nan
        cells.append([f"{100 * held:.0f}", f"{100 * wrong:.0f}", f"{100 * seen:.0f}" if active else "–"])
    names = ("intervals that hold", f"families of {FAMILY} with a false rejection", "effects found, one of 21")
    return lines + [f"| {name} | {' | '.join(cell[i] for cell in cells)} |" for i, name in enumerate(names)]


def tables(rows: int) -> list[tuple[str, list[str]]]:
    """Titles and lines of the tables."""
    rng = np.random.default_rng(7)
    head = [f"| noise | {' | '.join(f'n = {n}' for n in NS)} |", "| --- |" + " ---: |" * len(NS)]
    first, families, power = list(head), list(head), list(head)
    for noise in NOISES:
        cells = [figures(noise, n, rows, rng) for n in NS]
        for lines, part in ((first, 1), (families, 2), (power, 3)):
            shown = (f"{c['own'][part]:.0f}, {c['all'][part]:.0f} → **{c['larger'][part]:.0f}**" for c in cells)
            lines.append(f"| {noise.name} | {' | '.join(shown)} |")
    of = "own spread, spread of all contrasts → the larger, percent"
    return [
        (f"Effects: intervals of the first factor's that hold the truth: {of}", first),
        (f"Effects: families of {FAMILY} true nulls with a false rejection after Holm: {of}", families),
        (
            "Effects: one replicate, Lenth's error, normal noise, effects of 6 standard errors; percent",
            alone(rows, rng),
        ),
        (f"Effects: power for an effect of {SIZE:g} standard errors, one of {FAMILY}: {of}", power),
    ]
