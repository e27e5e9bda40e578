"""The experiment file: what is run, on what, how often, and what is reported. Cells come from it by `cells`.

Reading order of the keys is that of `File`; `mmrun schema` and `mmrun explain` print its documentation.
"""

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import Pattern, Range, Why, bounds
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import Quantity
from mmrun.runner.config.fields import Reader, hints
from mmrun.runner.config.includes import load_experiment
from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import is_null, to_plain
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar
from mmrun.runner.config.yaml_scalars import REFUSED
from mmrun.runner.report.report_block import ReportBlock

MAX_REPLICATES = 10_000
PILOT = 10  # replicates whose spread can be planned with; docs/statistics.md
HalfWidth = Annotated[float, Quantity("ratio"), Range(gt=0.0, lt=1.0), Why("examples: 2%")]
Count = Annotated[int, Range(ge=1, le=MAX_REPLICATES)]
Directory = Annotated[
    str, Pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "it names a directory: letters, digits, `-`, `_` and `.`")
]


@frozen(kw_only=True)
class Until(Record):
    """When a row of the sweep has enough replicates."""

    metric: str
    """Metric whose interval is watched."""
    half_width: HalfWidth
    """Half width of the mean's 95 % interval over the mean that is wanted, such as `2%`."""


@frozen(kw_only=True)
class Replicates(Record):
    """How many replicates a row of the sweep gets: `min` at once, then as many more, up to `max`, as `until` needs."""

    min: Count = 1
    """Replicates every row gets; with `until` the pilot, at least 10."""
    max: Count = 1
    """Replicates no row exceeds; one whose replicates fall into modes gets them all."""
    until: Until | None = None
    """The precision wanted; None: `min` replicates. The pilot's spread says how many a row needs (Stein's two stages).

    Intervals of 95 % then hold the mean in 93 to 96 of 100 rows, in 91 to 94 where noise is one-sided
    (docs/statistics.md); about one row in four, whose pilot looked quieter than it is, ends up to a third wider than
    asked for.
    """

    def faults(self) -> Iterator[Fault]:
        """Too few for a pilot, or none to add."""
        if self.until is None:
            return
        if self.min < PILOT:
            what = f"{self.min} replicates are too few to tell from how many are needed"
            yield Fault(("min",), what, f"`min` is at least {PILOT} with `until`")
        if self.max < self.min:
            yield Fault(("max",), f"max {self.max} with min {self.min}", "`max` is above `min`")


@frozen(kw_only=True)
class File:
    """An experiment file."""

    experiment: Directory
    """Name of the experiment and of its result directory."""
    description: str = ""
    """What it is about, in words; printed on the report page."""
    include: tuple[str, ...] = ()
    """Files merged below this one, relative to it; later ones win, this file wins over all."""
    kernel: str = ""
    """Kernel version, in quotes: selects a variant on every axis and the sysctl defaults (`mmrun explain eras`)."""
    machine: Any = None
    """A machine's name, a mapping with `base: <name>` and overrides, or a whole description."""
    policy: Any = None
    """Axes on which to depart from it: a variant's name, or {variant, parameters..., file of an outside variant}."""
    vm: Any = None
    """Settings under /proc/sys/vm."""
    cgroups: Any = None
    """Memory cgroups by name."""
    cgroup_version: Any = None
    """`v1` or `v2`; left out: v2 since 4.5, unless groups use what only v1 has."""
    slab: Any = None
    """Slab caches by name."""
    tasks: Any = None
    """Tasks by name."""
    timeline: Any = None
    """What changes while a cell runs: a list of entries, each a time and an action (`mmrun explain timeline`)."""
    sampling: Any = None
    """How often counters are written to the series; left out: no series."""
    duration: Any = None
    """Stop after this much simulated time; left out: when every stream has ended."""
    seed: str | int = "mmrun"
    """Names the random streams, together with task and replicate."""
    replicates: Any = 1
    """A number, or {min, max, until: {metric, half_width}}: more until the interval is narrow enough."""
    sweep: Any = None
    """The combinations to run: `product`, `zip`, `union`, `sample`, `factorial`, `exclude`, `when`.

    `mmrun explain sweep` has the grammar.
    """
    sense: Any = None
    """What a conclusion hangs on: {metric, cell, parameters, morris, sobol} (`mmrun sense`)."""
    report: Any = None
    """Tables and figures to write."""


@frozen
class Experiment:
    """A loaded experiment file: the parts that are the same for all cells, and the tree that cells are made from."""

    name: str
    description: str
    config: Path
    tree: Mapping
    replicates: Replicates = field(default_factory=Replicates)
    report: ReportBlock = field(default_factory=ReportBlock)

    def model_dump(self, mode: str = "json") -> dict[str, Any]:
        """The file as read, includes merged, in JSON's terms; what a manifest keeps."""
        dumped: dict[str, Any] = to_plain(self.tree)
        return dumped


def load(config: Path, problems: Problems) -> Experiment | None:
    """The experiment in the file `config`, or None with the reasons in `problems`."""
    tree = load_experiment(config, problems)
    return None if tree is None else of_tree(tree, config, problems)


def of_tree(tree: Mapping, config: Path, problems: Problems) -> Experiment:
    """The experiment that a tree describes; `config` is the file its paths are relative to."""
    known = list(hints(File))
    for key in tree.items:
        if key not in known:
            problems.add(tree.keys[key], f"unknown key `{key}`", suggest(key, known))
    report = tree.get("report")
    return Experiment(
        name=read_name(tree, problems),
        description=text(tree, "description", problems),
        config=config,
        tree=tree,
        replicates=read_replicates(tree.get("replicates"), problems),
        report=read_report(report, problems),
    )


def read_name(tree: Mapping, problems: Problems) -> str:
    """The experiment's name, fit for a directory."""
    name = text(tree, "experiment", problems)
    item = tree.get("experiment")
    if item is None:
        problems.add(tree.place, "`experiment` is required", "write experiment: <name>")
    elif name and not bounds(Directory).admits(name):
        problems.add(item.place, *bounds(Directory).refusal((), name))
    return name


def text(tree: Mapping, key: str, problems: Problems) -> str:
    """The text under a key, or "" when it is absent or refused."""
    item = tree.get(key)
    if item is None or is_null(item):
        return ""
    if isinstance(item, Scalar) and (isinstance(item.value, str) or item.value is REFUSED):
        return item.text
    fix = f'write "{item.text}"' if isinstance(item, Scalar) else ""
    problems.add(item.place, f"`{key}` is text", fix)
    return ""


def read_replicates(item: Item | None, problems: Problems) -> Replicates:
    """The `replicates` block: a number, or a mapping."""
    if item is None or is_null(item) or (isinstance(item, Scalar) and item.value is REFUSED):
        return Replicates()
    if isinstance(item, Scalar):
        count = Reader(problems, name="replicates").read(item, Count)
        found = None if count is None else Replicates(min=count, max=count)
    else:
        found = Reader(problems).read(item, Replicates)
    if found is None:
        return Replicates()
    check_replicates(found, item, problems)
    return found


def check_replicates(found: Replicates, item: Item, problems: Problems) -> None:
    """Note replicates that make no sense."""
    from mmrun.runner.metrics import is_metric, names

    places = item.items if isinstance(item, Mapping) else {}
    if isinstance(item, Mapping) and found.until is None:
        problems.add(
            item.place, "`until` is required", "write replicates: 5, or add until: {metric: ..., half_width: 2%}"
        )
        return
    if found.until is None:
        return
    if not is_metric(found.until.metric):
        near = suggest(found.until.metric, names())
        problems.add(place(places, "until", item), f"unknown metric `{found.until.metric}`", near)


def place(places: dict[str, Item], key: str, item: Item) -> Place:
    """Where `key` stands, or the whole block."""
    return places[key].place if key in places else item.place


def read_report(item: Item | None, problems: Problems) -> ReportBlock:
    """The `report:` block; its names are checked against the sweep by `mmrun.runner.plan.plan`."""
    if item is None or is_null(item):
        return ReportBlock()
    return Reader(problems).read(item, ReportBlock) or ReportBlock()
