"""A metric of two runs taken apart: a time into what each task did and waited for, a sum into its terms, a ratio into
its factors. Parts add up to the whole exactly, in each run and so in the difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import log
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.runner import metrics
from mmrun.runner.compare.formula import factors

NOT_STARTED = "not_started_ns"
REST = "the rest"
WORK = "its work"
TASK = "task "
Times = Mapping[str, Mapping[str, int]]


class NotTold(Exception):
    """A run does not tell a metric; the text says which."""


@frozen
class Run:
    """What a run counted: its metrics, and where the time of each task and copy went (ns)."""

    metrics: Mapping[str, Any]
    times: Times

    def number(self, name: str) -> Fraction:
        """A metric exactly. NotTold where it has none."""
        found = self.metrics.get(name)
        if not isinstance(found, int | float) or found != found:
            found = metrics.value(name, self.metrics)
        if found is None:
            raise NotTold(name)
        return Fraction(found)

    def ended(self) -> dict[str, int]:
        """When each task and copy ended (ns): all of its parts, and what came before its start."""
        return {name: sum(parts[part] for part in (*APART, NOT_STARTED)) for name, parts in self.times.items()}


@frozen
class Part:
    """A number of two runs and what it is made of: `parts` add up to it in both. `metric`: what it is about."""

    name: str
    here: Fraction
    base: Fraction
    metric: str = ""
    parts: tuple["Part", ...] = ()

    @property
    def change(self) -> Fraction:
        """How much more it is here."""
        return self.here - self.base

    def scaled(self, by: Fraction) -> "Part":
        """The same in another unit."""
        parts = tuple(part.scaled(by) for part in self.parts)
        return Part(self.name, self.here * by, self.base * by, self.metric, parts)

    def leaves(self, task: str = "") -> Iterator[tuple[str, "Part"]]:
        """The parts that are not taken apart further, and the task that each is of."""
        task = self.name if self.name.startswith(TASK) else task
        if not self.parts:
            yield task, self
        for part in self.parts:
            yield from part.leaves(task)


@frozen
class Account:
    """A metric of two runs. `factors`: its parts, each with the power that it has; a single one is a plain sum."""

    name: str
    here: Fraction
    base: Fraction
    factors: tuple[tuple[Part, int], ...]

    @property
    def is_sum(self) -> bool:
        """Whether it is no ratio."""
        return len(self.factors) == 1

    def shares(self) -> list[float | None]:
        """The part of the log ratio that each factor has; they add up to it. None where a number is not above 0."""
        return [
            power * log(part.here / part.base) if part.here > 0 and part.base > 0 else None
            for part, power in self.factors
        ]


def account(name: str, here: Run, base: Run) -> Account:
    """A metric taken apart. NotTold where a run has no such number."""
    whole = here.number(name), base.number(name)
    found = []
    for total, power in factors(name):
        if list(total.items()) == [(name, Fraction(1))]:
            found.append((apart(name, here, base), power))
            continue
        parts = [_term(each, number, here, base) for each, number in total.items()]
        found.append((parts[0] if len(parts) == 1 else together(" + ".join(map(label, total)), parts), power))
    return Account(name, *whole, tuple(found))


def together(name: str, parts: Iterable[Part], metric: str = "") -> Part:
    """A whole from its parts."""
    parts = tuple(parts)
    zero = Fraction(0)
    return Part(name, sum((p.here for p in parts), zero), sum((p.base for p in parts), zero), metric, parts)


def label(name: str) -> str:
    """A metric in print."""
    return metrics.metric(name).label if name else "constant"


def _term(name: str, number: Fraction, here: Run, base: Run) -> Part:
    if not name:
        return Part(label(name), number, number)
    return apart(name, here, base).scaled(number)


def apart(name: str, here: Run, base: Run) -> Part:
    """A metric as far as it can be taken apart: times by task and cause, what is told of things by thing."""
    whole = Part(label(name), here.number(name), base.number(name), name)
    if metrics.metric(name).expression is not None and here.metrics.get(name) is None:
        terms = factors(name)
        if len(terms) > 1:
            return whole
        return together(whole.name, [_term(each, number, here, base) for each, number in terms[0][0].items()], name)
    if name == "mean_task_elapsed_ns" and here.times and base.times:  # told as a float
        return together(whole.name, _of_mean(here, base), name)
    return _with_rest(whole, list(_parts(name, here, base)))


def _with_rest(whole: Part, parts: list[Part]) -> Part:
    """The whole with its parts, and what they leave; without any where a part is left in neither run."""
    parts = [part for part in parts if part.here or part.base]
    made = together(whole.name, parts, whole.metric)
    if not parts:
        return whole
    if (made.here, made.base) == (whole.here, whole.base):
        return Part(whole.name, whole.here, whole.base, whole.metric, made.parts)
    rest = Part(REST, whole.here - made.here, whole.base - made.base)
    return Part(whole.name, whole.here, whole.base, whole.metric, (*made.parts, rest))


def _parts(name: str, here: Run, base: Run) -> Iterator[Part]:
    scoped = metrics.PREFIX.fullmatch(name)
    if name == "elapsed_ns":
        yield from _of_last(here, base)
    elif scoped and scoped[2] == "elapsed_ns" and scoped[1].startswith("task."):
        task = scoped[1].removeprefix("task.")
        yield from of_task(here.times.get(task, {}), base.times.get(task, {}))
    elif name in (*APART, *OF_RECLAIM):
        yield from _by_task(name, here, base)
    elif not scoped:
        yield from _by_thing(name, here, base)


def _of_last(here: Run, base: Run) -> Iterator[Part]:
    """The end of a run is that of the task that ends last; another one may be the last there."""
    mine, theirs = here.ended(), base.ended()
    if not mine or not theirs:
        return
    last, other = (max(ends, key=lambda task: ends[task]) for ends in (mine, theirs))
    yield together(f"{TASK}{last}", of_task(here.times[last], base.times.get(last, {})), f"task.{last}.elapsed_ns")
    if last != other:
        later = theirs[other] - theirs.get(last, 0)
        yield Part(f"there {other} ends last", Fraction(0), Fraction(later))


def _of_mean(here: Run, base: Run) -> Iterator[Part]:
    for name in dict.fromkeys(map(original, (*here.times, *base.times))):
        mine, theirs = (_of_copies(run, name, Fraction(1, max(1, len(run.times)))) for run in (here, base))
        yield together(f"{TASK}{name}", of_task(mine, theirs))


def of_task(here: Mapping[str, Any], base: Mapping[str, Any]) -> list[Part]:
    """Where the time of a task went, reclaim with what it was spent on where only one kind of it took time."""
    found = [
        Part(label(part), Fraction(here.get(part, 0)), Fraction(base.get(part, 0)), part)
        for part in (*APART, NOT_STARTED)
    ]
    kinds = [part for part in found if part.metric in RECLAIMS and (part.here or part.base)]
    if len(kinds) == 1:
        inside = [Part(label(part), Fraction(here.get(part, 0)), Fraction(base.get(part, 0)), part)
                  for part in OF_RECLAIM]  # fmt: skip
        work = together("", inside)
        rest = Part(WORK, kinds[0].here - work.here, kinds[0].base - work.base, kinds[0].metric)
        made = [part for part in (*inside, rest) if part.here or part.base]
        if len(made) > 1:
            found[found.index(kinds[0])] = together(kinds[0].name, made, kinds[0].metric)
    return [part for part in found if part.here or part.base]


def original(copy: str) -> str:
    """The task that a copy is of: `db` of `db.3`."""
    name, dot, number = copy.rpartition(".")
    return name if dot and number.isdigit() else copy


def _of_copies(run: Run, name: str, share: Fraction) -> dict[str, Fraction]:
    copies = [parts for copy, parts in run.times.items() if original(copy) == name]
    return {part: share * sum(copy[part] for copy in copies) for part in (copies[0] if copies else ())}


def _by_task(name: str, here: Run, base: Run) -> Iterator[Part]:
    for task in dict.fromkeys(map(original, (*here.times, *base.times))):
        mine, theirs = (_of_copies(run, task, Fraction(1)) for run in (here, base))
        inside = [part.parts for part in of_task(mine, theirs) if part.metric == name]
        yield Part(f"{TASK}{task}", mine.get(name, Fraction(0)), theirs.get(name, Fraction(0)), name, *inside)


def _by_thing(name: str, here: Run, base: Run) -> Iterator[Part]:
    """Of nodes, else of tasks or disks, where they add up to the machine's in both runs."""
    for kind in ("node", "task", "disk"):
        found = list(_things(kind, name, here.metrics, base.metrics))
        made = together("", found)
        if len(found) > 1 and (made.here, made.base) == (here.number(name), base.number(name)):
            yield from found
            return


def _things(kind: str, name: str, here: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[Part]:
    for each in dict.fromkeys((*here, *base)):
        if each.startswith(kind) and (scoped := metrics.PREFIX.fullmatch(each)) and scoped[2] == name:
            yield Part(scoped[1].replace(".", " ", 1), Fraction(here.get(each, 0)), Fraction(base.get(each, 0)), each)
