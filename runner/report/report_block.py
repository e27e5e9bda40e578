"""The `report:` block of an experiment: which tables and figures a sweep writes. Plain data and its checks.

The string literal under a field is its documentation (`mmrun schema`). Axes are the dotted names of the sweep's axes,
labels the values they take there, metrics the names of `mmrun.runner.metrics`.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, Literal

from mmrun.model.rules.bounds import Pattern, Range, Why
from mmrun.model.rules.record import Record, record, wrong

Confidence = Annotated[float, Range(gt=0.5, lt=1.0), Why("usually 0.95")]
FileName = Annotated[str, Pattern("[A-Za-z0-9_-]+", "it becomes a file name: letters, digits, `-` and `_` only")]
Label = str | int | float | bool
Where = dict[str, Label | tuple[Label, ...]]
BlockPath = tuple[str | int, ...]
Problem = tuple[BlockPath, str]
MAP = "memory_map"  # what figures of kind `map` draw
Axes = Mapping[str, Sequence[Label]] | Collection[str]


@record
class Table(Record):
    """A table of metrics over the axes of the sweep, replicates summarised, compared with a baseline if named."""

    name: FileName
    """File name of the table without its suffix; letters, digits, `-` and `_`."""
    title: str = ""
    """Caption; default: the metrics and the axes in words."""
    rows: str | tuple[str, ...] = ()
    """Axes down the side, outermost first; default: every axis named neither in `columns` nor fixed by `where`."""
    columns: str | tuple[str, ...] = ()
    """Axes across the top, under each metric."""
    metrics: str | tuple[str, ...]
    """Metrics to show, in order."""
    baseline: Where = field(default_factory=dict)
    """Axis and label of the cells that others are compared with, all other axes and the replicate being equal."""
    where: Where = field(default_factory=dict)
    """Axis and label, or list of labels, to which the table is confined."""
    statistic: Literal["mean", "geometric", "median"] = "mean"
    """How replicates are summarised: `mean`, `geometric` mean (for what differs by factors) or `median`. Ratios:
    geometric mean, or median, of the paired ratios."""
    pool: str | tuple[str, ...] = ()
    """Axes whose cells are summarised together, each counting like a replicate; ratios stay paired."""
    show: tuple[Literal["value", "interval", "ratio", "excess", "p", "n"], ...] = ()
    """Parts printed of a metric; default: value, interval; with a baseline value, ratio, p. The CSV has all.

    `excess` is how many percent a value lies above the baseline, beside which it prints the baseline's own value. `n`,
    the number of replicates, is added where cells were given different numbers.
    """
    count_oom: bool = False
    """Count runs that the OOM killer ended, with the values they had reached; else they are left out, and named."""
    confidence: Confidence = 0.95
    """Level of the intervals, between 0.5 and 1."""
    test: Literal["t", "sign-flip"] = "t"
    """What tests the paired log ratios and gives their interval: Student's `t`, or exact `sign-flip`s, which assume
    symmetry only and take six pairs (smallest p: 2/2^n). A median has the sign test."""


@record
class Figure(Record):
    """A figure over the axes of the sweep: bars, lines, dots or a heat map of a metric, or counters over time.

    What has no value stands in a strip beside the panel, in a row that says why: OOM, failed, stale, not run, excluded,
    or n/a where the model has no such thing. Open markers and white bars: one run of a cell that draws random numbers.
    Small circles: replicates that one number does not describe. Policies of the textbook are black or grey.
    """

    name: FileName
    """File name of the figure without its suffix; letters, digits, `-` and `_`."""
    title: str = ""
    """Caption; default: the metric and the axes in words."""
    kind: Literal["bars", "lines", "dots", "series", "heatmap", "map"] = "bars"
    """`series` draws series.parquet over time, `map` how memory is used by address over time (`sampling.memory_map`);
    every other kind draws runs.parquet.

    On a logarithmic y a bar's length would mean nothing: `bars` become points with error bars there.
    """
    x: str = ""
    """Axis along x; for `series` a column of the series, `time_ns` by default."""
    y: str
    """Metric along y; the shade of a heat map; for `series` a column of the series, or a derived metric; for `map`
    `memory_map`."""
    line: str = ""
    """Axis told apart by colour together with hatch, marker or dash; for a heat map the axis along y.

    At most six labels can be told apart in a panel: `where` and `facets` leave fewer, lines beyond six are named at
    their ends.
    """
    facets: str | tuple[str, ...] = ()
    """Axes that split the figure into panels: the first across, the second down."""
    where: Where = field(default_factory=dict)
    """Axis and label, or list of labels, to which the figure is confined."""
    baseline: Where = field(default_factory=dict)
    """If given, y is the paired ratio to these cells instead of the metric itself."""
    pool: str | tuple[str, ...] = ()
    """Axes whose cells are summarised together, each counting like a replicate; ratios stay paired."""
    statistic: Literal["mean", "geometric", "median"] = "mean"
    """How replicates are summarised."""
    log: tuple[Literal["x", "y"], ...] = ()
    """Axes on a logarithmic scale; `y` is the shade in a heat map."""
    rate: bool = False
    """Series: draw the change per second of simulated time instead of the cumulative count."""
    interval: bool = True
    """Whether to draw error bars; pooled over unlike cells, they show how unlike these are."""
    width: Literal["column", "page"] = "column"
    """Printed width: one column (3.4 in) or the page (7 in)."""
    confidence: Confidence = 0.95
    """Level of the error bars, between 0.5 and 1."""


@record
class Effects(Record):
    """Effects of the factors of the sweep's `factorial`, each alone and in pairs: a table, a half-normal plot, a matrix
    of pairs, and a table of the pairs that surprise."""

    name: FileName
    """File name of the table; those of the plots and of the surprises begin with it."""
    title: str = ""
    """Caption; default: the metrics in words."""
    metrics: str | tuple[str, ...]
    """Metrics to show, in order; one family for Holm's correction."""
    where: Where = field(default_factory=dict)
    """Axis and label of what else is swept: one label for each axis that is no factor."""
    scale: Literal["ratio", "difference"] = "ratio"
    """Whether effects multiply (`ratio`, for what is always above 0) or add up (`difference`)."""
    pairs: Literal["significant", "all"] = "significant"
    """Pairs that are printed: those significant for one of the metrics, or all. The CSV has all."""
    count_oom: bool = False
    """Count runs that the OOM killer or their death ended, with the values they had reached."""
    confidence: Confidence = 0.95
    """Level of the intervals, between 0.5 and 1."""


@record
class ReportBlock(Record):
    """Tables and figures of an experiment; an empty block gets a default table and figure over all axes."""

    tables: tuple[Table, ...] = ()
    """Tables, in the order of the report page."""
    figures: tuple[Figure, ...] = ()
    """Figures, in the order of the report page."""
    effects: tuple[Effects, ...] = ()
    """Effects of a factorial's factors, in the order of the report page."""
    labels: dict[str, str] = field(default_factory=dict)
    """Words to print in place of an axis name, an axis label or a metric name."""


def as_tuple(value: Any) -> tuple:
    """A scalar as a one-element tuple, a list as a tuple, the empty string as nothing."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return () if value == "" else (value,)


def label_text(label: Any) -> str:
    """How a label is compared and printed: `true`, `0`, `0.5`, `4GiB`; None (a cell without that axis) is empty."""
    if label is None:
        return ""
    if isinstance(label, bool) or label in ("True", "False"):
        return str(label).lower()
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def decode(data: Mapping[str, Any]) -> ReportBlock:
    """The block that `dataclasses.asdict` and JSON turned into `data` (lists become tuples again)."""

    def tuples(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: tuples(part) for key, part in value.items()}
        return tuple(value) if isinstance(value, list) else value

    def plain(item: Mapping[str, Any]) -> dict[str, Any]:
        return {key: tuples(value) for key, value in item.items()}

    return ReportBlock(
        tables=tuple(Table(**plain(item)) for item in data.get("tables", ())),
        figures=tuple(Figure(**plain(item)) for item in data.get("figures", ())),
        effects=tuple(Effects(**plain(item)) for item in data.get("effects", ())),
        labels=dict(data.get("labels", {})),
    )


def problems(
    block: ReportBlock, axes: Axes, metrics: Collection[str] = (), factors: Collection[str] = ()
) -> list[Problem]:
    """Every mistake in the block as (path into the block, sentence).

    `axes`: the sweep's axes, with their labels if known; `factors`: those of its factorial. `metrics`: names valid
    besides those of `mmrun.runner.metrics`.
    """
    found: list[Problem] = []
    seen: set[str] = set()
    for i, table in enumerate(block.tables):
        parts = [*_common_problems(table, seen, axes), *_table_problems(table, axes, metrics)]
        found += [(("tables", i, *path), message) for path, message in parts]
    for i, effects in enumerate(block.effects):
        parts = [*_common_problems(effects, seen, axes), *_effects_problems(effects, axes, metrics, factors)]
        found += [(("effects", i, *path), message) for path, message in parts]
    seen = set()
    for i, figure in enumerate(block.figures):
        parts = [*_common_problems(figure, seen, axes), *_figure_problems(figure, axes, metrics)]
        found += [(("figures", i, *path), message) for path, message in parts]
    return found


def _common_problems(item: Table | Figure | Effects, seen: set[str], axes: Axes) -> Iterator[Problem]:
    yield from _name_problems(item, seen)
    yield from _filter_problems(item, axes)


def _name_problems(item: Table | Figure | Effects, seen: set[str]) -> Iterator[Problem]:
    yield from ((fault.path, str(fault)) for fault in wrong(item, type(item)))
    if item.name in seen:
        yield ("name",), f"the name {item.name!r} is used twice; each needs a file of its own"
    seen.add(item.name)


def _filter_problems(item: Table | Figure | Effects, axes: Axes) -> Iterator[Problem]:
    for key in ("where", "baseline"):
        for axis, wanted in getattr(item, key, {}).items():
            unknown = _unknown(axis, axes, "axis of the sweep")
            if unknown:
                yield (key, axis), unknown
                continue
            labels = [label_text(label) for label in axes[axis]] if isinstance(axes, Mapping) else None
            for label in as_tuple(wanted):
                if labels is not None and label_text(label) not in labels:
                    yield (key, axis), _unknown(label_text(label), labels, f"label of {axis}") or ""
            if key == "baseline" and len(as_tuple(wanted)) != 1:
                yield (key, axis), "a baseline is one label per axis"
            confined = as_tuple(item.where.get(axis, ()))
            if key == "baseline" and confined and label_text(wanted) not in map(label_text, confined):
                yield (key, axis), f"`where` leaves out the baseline {label_text(wanted)!r}"


def _table_problems(table: Table, axes: Axes, metrics: Collection[str]) -> Iterator[Problem]:
    rows, columns = as_tuple(table.rows), as_tuple(table.columns)
    pool = as_tuple(table.pool)
    yield from _axis_list_problems({"rows": rows, "columns": columns, "pool": pool}, axes)
    if rows:
        yield from _left_out(table.where, {*rows, *columns, *pool}, axes, "rows")
    yield from _metrics_problems(table.metrics, metrics)
    if table.test == "sign-flip" and table.statistic == "median":
        yield ("test",), "a median has an interval and a test of its own (by signs): leave `test` out, or use the mean"
    if not table.baseline and {"ratio", "excess", "p"} & set(table.show):
        yield ("show",), "ratio, excess and p compare with a baseline: name one, or show value and interval only"


def _metrics_problems(wanted: str | tuple[str, ...], extra: Collection[str]) -> Iterator[Problem]:
    if not as_tuple(wanted):
        yield ("metrics",), "name at least one metric"
    for index, name in enumerate(as_tuple(wanted)):
        unknown = _unknown_metric(name, extra)
        if unknown:
            yield ("metrics", index), unknown


def _effects_problems(
    effects: Effects, axes: Axes, metrics: Collection[str], factors: Collection[str]
) -> Iterator[Problem]:
    yield from _metrics_problems(effects.metrics, metrics)
    if not factors:
        yield (), "effects are those of a factorial's factors: write sweep: {factorial: {...}}"
        return
    for axis in effects.where:
        if axis in factors:
            yield ("where", axis), f"{axis} is a factor: its effect needs both levels"
    yield from _left_out(effects.where, {*factors}, axes, "where")


def _figure_problems(figure: Figure, axes: Axes, metrics: Collection[str]) -> Iterator[Problem]:
    if figure.kind == "map":
        yield from _map_problems(figure, axes)
        return
    series = figure.kind == "series"
    places = {"line": as_tuple(figure.line), "facets": as_tuple(figure.facets), "pool": as_tuple(figure.pool)}
    if not series:
        places["x"] = as_tuple(figure.x)
        unknown = _unknown_metric(figure.y, metrics)
        if unknown:
            yield ("y",), unknown
        if not figure.x:
            yield ("x",), f"{figure.kind} need an axis along x"
    if figure.kind == "heatmap" and not figure.line:
        yield ("line",), "a heat map needs an axis along y: name it in `line`"
    if len(places["facets"]) > 2:
        yield ("facets",), "at most two axes can split a figure: one across, one down"
    yield from _axis_list_problems(places, axes)
    yield from _left_out(figure.where, {name for names in places.values() for name in names}, axes, "facets")
    if figure.rate and not series:
        yield ("rate",), "rate belongs to figures of kind series"
    if series and (figure.baseline or figure.pool):
        field = "baseline" if figure.baseline else "pool"
        yield (field,), f"a series is drawn as it is; {field} belongs to the other kinds"


def _map_problems(figure: Figure, axes: Axes) -> Iterator[Problem]:
    if figure.y != MAP:
        yield ("y",), f"a map draws `{MAP}`"
    for name in ("x", "line", "pool", "baseline", "rate", "log"):
        if getattr(figure, name):
            yield (name,), f"a map is of one run a panel; {name} belongs to the other kinds"
    facets = as_tuple(figure.facets)
    if len(facets) > 2:
        yield ("facets",), "at most two axes can split a figure: one across, one down"
    yield from _axis_list_problems({"facets": facets}, axes)
    yield from _left_out(figure.where, set(facets), axes, "facets")


def _axis_list_problems(places: Mapping[str, tuple[str, ...]], axes: Collection[str]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for place, names in places.items():
        for index, name in enumerate(names):
            path: BlockPath = (place, index) if place in ("rows", "columns", "facets", "pool") else (place,)
            unknown = _unknown(name, axes, "axis of the sweep")
            if unknown:
                yield path, unknown
            elif name in seen:
                yield path, f"{name} already is in `{seen[name]}`"
            seen[name] = place


def _left_out(where: Where, used: set[str], axes: Collection[str], place: str) -> Iterator[Problem]:
    """Axes that would be averaged over in silence: neither shown nor fixed to one label nor of one label."""
    if any(name not in axes for name in (*used, *where)):
        return  # a name that is no axis was refused, and nobody knows which axis it stands for
    for axis in axes:
        single = isinstance(axes, Mapping) and len(axes[axis]) == 1
        if axis not in used and not single and len(as_tuple(where.get(axis, ()))) != 1:
            yield (place,), f"axis {axis} is swept but not shown: place it, or fix it to one label with `where`"


def _unknown_metric(name: str, extra: Collection[str]) -> str | None:
    from mmrun.runner.metrics import PREFIX, is_metric, names

    if name in extra or is_metric(name):
        return None
    scoped = PREFIX.fullmatch(name)
    prefix = f"{scoped[1]}." if scoped else ""
    return _unknown(name, [*(prefix + each for each in names()), *extra], "metric")


def _unknown(name: str, known: Collection[str], what: str) -> str | None:
    """The sentence for a name that is not among the known ones; None if it is."""
    if name in known:
        return None
    near = difflib.get_close_matches(name, list(known), n=1)
    some = ", ".join(sorted(known)[:12]) + (" ..." if len(known) > 12 else "")
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {some}"
    return f"{name!r} is no {what}; {hint}"
