"""An experiment as it was given, a path or a mapping, as the runner reads it; and its errors as ours."""

import math
import numbers
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmrun.errors import ConfigError, Problem
from mmrun.runner.config import yaml_nodes
from mmrun.runner.config.experiment import Experiment, load, of_tree
from mmrun.runner.config.includes import Includes
from mmrun.runner.config.problems import ConfigErrors, Place, Problems
from mmrun.runner.config.trees import merge, without
from mmrun.runner.config.yaml_scalars import REFUSED

Config = str | os.PathLike[str] | Mapping[str, Any]
GIVEN = Path("<mapping>")
"""Stands for the file of an experiment given as a mapping: paths in it are relative to the working directory."""


class Given:
    """A mapping as a tree of the runner; each value has a line of its own, by which its path of keys is found again."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.keys: list[str] = [""]

    def item(self, value: Any, path: tuple[str, ...] = ()) -> yaml_nodes.Item:
        """A value as a tree; what no file could say is noted and left out."""
        place = self.place(path)
        if len(path) > yaml_nodes.MAX_DEPTH or len(self.keys) > yaml_nodes.MAX_NODES:
            self.problems.add(place, "nested too deeply, or too many values", "no experiment needs that much")
            return yaml_nodes.Scalar(place, REFUSED, "")
        if isinstance(value, Mapping):
            items, keys = {}, {}
            for key, part in value.items():
                if not isinstance(key, str):
                    self.problems.add(place, f"the key {key!r} is no text", f'write "{key}"')
                    continue
                keys[key] = self.place((*path, key))
                items[key] = self.item(part, (*path, key))
            return yaml_nodes.Mapping(place, items, keys)
        if isinstance(value, list | tuple) or (hasattr(value, "tolist") and getattr(value, "ndim", False)):
            parts = value if isinstance(value, list | tuple) else value.tolist()
            return yaml_nodes.Sequence(
                place, tuple(self.item(part, (*path, str(index))) for index, part in enumerate(parts))
            )
        return self.scalar(value, place)

    def scalar(self, value: Any, place: Place) -> yaml_nodes.Scalar:
        """A single value."""
        if value is None:
            return yaml_nodes.Scalar(place, None, "null")
        if isinstance(value, bool):
            return yaml_nodes.Scalar(place, value, str(value).lower())
        if isinstance(value, str):
            return yaml_nodes.Scalar(place, str(value), str(value), quoted=True)
        if isinstance(value, os.PathLike):
            return yaml_nodes.Scalar(place, os.fspath(value), os.fspath(value), quoted=True)
        if isinstance(value, numbers.Integral):
            return yaml_nodes.Scalar(place, int(value), str(int(value)))
        if isinstance(value, numbers.Real) and math.isfinite(value):
            return yaml_nodes.Scalar(place, float(value), repr(float(value)))
        self.problems.add(place, f"{value!r} cannot stand in an experiment", "text, numbers, lists, mappings, None")
        return yaml_nodes.Scalar(place, REFUSED, "")

    def place(self, path: tuple[str, ...]) -> Place:
        """A line of its own for a path of keys."""
        self.keys.append(".".join(path))
        return Place(GIVEN, len(self.keys) - 1, 1)

    def problem(self, error: Any) -> Problem:
        """An error of the runner as ours."""
        if error.file == GIVEN:
            key = self.keys[error.line] if error.line < len(self.keys) else ""
            return Problem(None, 0, 0, error.message, error.fix, key)
        return Problem(error.file, error.line, error.column, error.message, error.fix)


@contextmanager
def ours(given: Given) -> Iterator[None]:
    """The runner's errors become a ConfigError."""
    try:
        yield
    except ConfigErrors as errors:
        raise ConfigError(map(given.problem, errors.errors)) from None


def experiment_of(config: Config, given: Given) -> Experiment:
    """The experiment; its errors are noted with `given.problems`, ConfigErrors where nothing can be made of it."""
    problems = given.problems
    found = load(Path(config), problems) if not isinstance(config, Mapping) else of_mapping(config, given)
    if found is None:
        problems.raise_if_any()
        raise AssertionError("an experiment that cannot be read has errors")
    return found


def of_mapping(config: Mapping[str, Any], given: Given) -> Experiment:
    """The experiment a mapping describes, the files it includes below it."""
    tree = given.item(config)
    assert isinstance(tree, yaml_nodes.Mapping)
    includes, below = Includes(given.problems), None
    for name in includes.names(tree):
        other = includes.load(Path(name.text), name.place, ())
        if other is not None:
            below = other if below is None else merge(below, other)
    own = without(tree, "include")
    return of_tree(own if below is None else merge(below, own), GIVEN, given.problems)
