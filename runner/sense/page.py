"""What `mmrun sense` prints and writes: `sense.md` and `sense.csv`."""

import csv
import io
from math import isnan

from mmrun.runner.sense.analysis import Analysis, words
from mmrun.runner.sense.block import Block
from mmrun.runner.sense.design import Design
from mmrun.runner.sense.sobol import Interval

HEAD = (
    "parameter", "low", "high", "scale", "mu", "mu_star", "sigma",
    "first_order", "first_order_low", "first_order_high", "total_order", "total_order_low", "total_order_high",
)  # fmt: skip


def page(design: Design, found: Analysis) -> str:
    """The page, in Markdown."""
    block, count = design.block, len(found.values)
    lines = [f"# {design.experiment.name}: what {subject(block)} hangs on", ""]
    lines += [f"{count} points, {found.cells} cells. {extremes(design, found)}", ""]
    if verdict := sign(block, found):
        lines += [verdict, ""]
    lines += [*table(block, found), ""]
    lines += ["mu: mean change over the parameter's whole range; mu*: mean absolute change; sigma: its spread."]
    if found.shares:
        assert block.sobol is not None
        lines += [
            f"Indices: shares of the variance over these ranges, {block.sobol.samples} base samples, 95 % by bootstrap;"
            " parameters without were held at the cell's own values."
        ]
    return "\n".join(lines) + "\n"


def subject(block: Block) -> str:
    """What is analysed: the metric, or the ratio of its two sides."""
    if block.of is None or block.over is None:
        return block.metric.text
    from mmrun.runner.config.trees import show

    return f"{block.metric.text} of {show(block.of)} over {show(block.over)}"


def extremes(design: Design, found: Analysis) -> str:
    """The least and the most, and where."""
    least, most = (pick(found.values, key=found.values.__getitem__) for pick in (min, max))
    return (
        f"Least {found.values[least]:.4g} at {words(design, least)}; most {found.values[most]:.4g} at "
        f"{words(design, most)}."
    )


def sign(block: Block, found: Analysis) -> str:
    """Whether a ratio is on one side of 1 at every point; "" for what is no ratio."""
    if block.of is None:
        return ""
    above = sum(value > 1 for value in found.values.values())
    below = sum(value < 1 for value in found.values.values())
    count = len(found.values)
    for side, name in ((above, "above"), (below, "below")):
        if side == count:
            return f"The sign holds: the ratio is {name} 1 at all {count} points."
    counts = f"above 1 at {above} points, below at {below}, 1 at {count - above - below}"
    return f"The sign does not hold: the ratio is {counts}."


def table(block: Block, found: Analysis) -> list[str]:
    """The parameters, the most influential first."""
    heads = ["parameter", "low", "high", "mu", "mu*", "sigma"]
    heads += ["first order", "total order"] if found.shares else []
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for name in ranked(found):
        low, high, _ = span(block, name)
        effect, share = found.influences[name], found.shares.get(name)
        row = [name, low, high, *(f"{number:.4g}" for number in (effect.mu, effect.mu_star, effect.sigma))]
        if share:
            row += [index(share.first, share.first_interval), index(share.total, share.total_interval)]
        rows.append(row + [""] * (len(heads) - len(row)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]


def index(value: float, interval: Interval) -> str:
    """An index with its interval; a dash where the metric is constant, no interval where the index is."""
    if isnan(value):
        return "–"
    return f"{value:.2f}" + ("" if isnan(interval[0]) else f" [{interval[0]:.2f}, {interval[1]:.2f}]")


def ranked(found: Analysis) -> list[str]:
    """Parameters by mu*, the largest first."""
    return sorted(found.influences, key=lambda name: -found.influences[name].mu_star)


def span(block: Block, name: str) -> tuple[str, str, str]:
    """Low, high and scale of a parameter."""
    one = block.ranges[name]
    return one.at(0.0).text, one.at(1.0).text, "log" if one.log else "linear"


def sheet(design: Design, found: Analysis) -> str:
    """The table as CSV; empty fields where a parameter has no index."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for name in ranked(found):
        effect, share = found.influences[name], found.shares.get(name)
        numbers = [effect.mu, effect.mu_star, effect.sigma]
        if share:
            numbers += [share.first, *share.first_interval, share.total, *share.total_interval]
        row = [*span(design.block, name), *(repr(number) for number in numbers)]
        writer.writerow([name, *row, *[""] * (len(HEAD) - 1 - len(row))])
    return text.getvalue()
