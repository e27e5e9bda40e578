"""A range is declared once, in the type: `check` refuses what lies outside with its place, the registry and the types
in the same words, the JSON Schema where it can say so; what lies just inside is taken by all."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from mmrun.model import registry, workloads
from mmrun.model.rules.record import Unsound, wrong
from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.config.schema import experiment_schema
from mmrun.runner.plan.plan import make_plan
from tests.runner.ranged import VALID, Ranged, put, ranged

ALL = ranged()


@cache
def schema() -> Draft7Validator:
    return Draft7Validator(experiment_schema())


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = tmp_path_factory.mktemp("valid") / "valid.yaml"
    config.write_text(yaml.safe_dump(VALID))
    return make_plan(config).cells[0].cell


OLDER = {"percpu_pagelist_fraction": "5.13"}
"""Settings that the version of `VALID` has not any more, and the last one that has them."""


def refusals(tree: Any, folder: Path) -> list[tuple[int, int, str]]:
    """What `check` says: line, column, message and fix."""
    config = folder / "x.yaml"
    config.write_text(yaml.safe_dump(tree))
    try:
        make_plan(config)
    except ConfigErrors as errors:
        return [(error.line, error.column, str(error).partition(": ")[2]) for error in errors.errors]
    return []


def place(tree: Any, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column of the value at a path of the tree as it is written."""
    node = yaml.compose(yaml.safe_dump(tree))
    for part in path:
        if isinstance(part, int):
            node = node.value[part]
        else:
            node = next(value for key, value in node.value if key.value == part)
    return node.start_mark.line + 1, node.start_mark.column + 1


def test_there_are_many():
    assert len(ALL) > 120 and len({each.record for each in ALL}) > 30


@pytest.mark.parametrize("each", ALL, ids=str)
def test_just_outside(each: Ranged, cell: Any, tmp_path: Path):
    values = list(each.outside())
    assert values or each.bounds.unit, "of a plain number every bound can be broken"
    for value in values:
        tree = put(VALID, each.path, each.written(value))
        tree["kernel"] = OLDER.get(str(each.path[-1]), tree["kernel"])
        message, fix = each.bounds.refusal(each.path, value)
        said = refusals(tree, tmp_path)
        if each.bounds.unit and value < 0:
            assert said  # there is no way to write it
            continue
        at = place(tree, each.path)
        found = [text for line, column, text in said if (line, column) == at]
        assert any(text.startswith(f"{message} ({fix}") for text in found), (message, fix, said)
        if each.path[-1] not in OLDER:
            in_python(each, cell, value, f"{message} ({fix}")
        if not each.bounds.unit or value == 0:
            assert not schema().is_valid(tree), value


def in_python(each: Ranged, cell: Any, value: Any, words: str) -> None:
    """The types, and the registry, refuse the value in the same words."""
    if "stream" in each.path:
        kind = str(each.path[1])[3:]
        params = {**cell.tasks[each.path[1]].stream.params, each.path[-1]: value}
        with pytest.raises(Unsound) as caught:
            workloads.make_params(kind, params)
    elif each.path[0] in ("replicates", "report"):
        return
    else:
        with pytest.raises(ValueError) as caught:
            registry.resolve(put(cell, each.path, value))
    assert words in str(caught.value)


@pytest.mark.parametrize("each", ALL, ids=str)
def test_just_inside(each: Ranged, cell: Any, tmp_path: Path):
    values = list(each.inside())
    assert values
    for value in values:
        tree = put(VALID, each.path, each.written(value))
        message, _ = each.bounds.refusal(each.path, value)
        assert not any(text.startswith(message) for *_, text in refusals(tree, tmp_path)), value
        assert schema().is_valid(tree), [error.message for error in schema().iter_errors(tree)]
        if "stream" in each.path:
            params = {**cell.tasks[each.path[1]].stream.params, each.path[-1]: value}
            made = workloads.params_type(str(each.path[1])[3:])(**params)
            assert not any(fault.message == message for fault in wrong(made, type(made)))
        elif each.path[0] not in ("replicates", "report"):
            made = put(cell, each.path, value)
            assert not any(fault.message == message for fault in wrong(made, type(made)))
