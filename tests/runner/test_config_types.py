"""What Pydantic is given to judge by is what it would make of the types itself; and what checking imports."""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mmrun.model import workloads
from mmrun.model.block.settings import Stripe
from mmrun.model.description import (
    Cgroup,
    Disk,
    Machine,
    Mempolicy,
    Region,
    Sampling,
    Stream,
    SwapTarget,
    Sysctl,
    Task,
)
from mmrun.model.machine.settings import Node
from mmrun.model.rules.bounds import Bounds, arms, bounds
from mmrun.model.rules.record import Unsound, kinds, wrong
from mmrun.runner.config.experiment import Replicates
from mmrun.runner.config.facts import facts, fields
from mmrun.runner.config.fields import hints, required
from mmrun.runner.config.library import config_dir
from mmrun.runner.config.validators import validator
from mmrun.runner.report.report_block import Figure, ReportBlock, Table

FAMILIES = [Disk, SwapTarget]
KINDS = [Cgroup, Machine, Mempolicy, Region, Replicates, ReportBlock, Sampling, Stream, Sysctl, Task]
KINDS += [Figure, Table, *map(workloads.params_type, workloads.kinds())]
KINDS += [kind for family in FAMILIES for kind in dict.fromkeys(kinds(family).values())]
WORDS = ["local", "bind", "all", "auto", "anon", "file", "partition", "hdd", "ssd", "mean", "bars", "x", ""]
SCALARS = st.one_of(
    st.sampled_from(WORDS), st.integers(-2, 10**9), st.sampled_from([0.0, 0.5, 2.0, 4096, 65536]), st.booleans()
)
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), below, max_size=2),
    max_leaves=6,
)


def judged(judge: Any, plain: Any) -> str:
    """What a validator makes of plain data, every type spelt out; or where and why it refuses it."""
    try:
        return repr(judge.validate_json(json.dumps(plain), strict=True))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return repr(sorted({(each["type"], str(each["ctx"]["error"]) if "error" in each.get("ctx", {}) else "")
                            for each in found}))  # fmt: skip


@cache
def adapter(hint: Any) -> TypeAdapter:
    return TypeAdapter(hint)


def agree(plain: Any, hint: Any) -> None:
    """Pydantic makes the same of plain data by our schema of a type as by its own."""
    assert judged(validator(hint), plain) == judged(adapter(hint), plain)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_records(kind: type, data: st.DataObject):
    known = hints(kind)
    must = {name: st.integers(-1, 10**6) | VALUES for name in required(kind)}
    agree(data.draw(st.fixed_dictionaries(must, optional=dict.fromkeys(sorted(known.keys() - must), VALUES))), kind)


@pytest.mark.parametrize("hint", sorted({hint for kind in KINDS for hint in hints(kind).values()}, key=str), ids=str)
@settings(deadline=None, max_examples=50)
@given(value=VALUES)
def test_fields(hint: Any, value: Any):
    agree(value, hint)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@settings(deadline=None)
@given(data=st.data())
def test_kinds(family: type, data: st.DataObject):
    """A kind is picked by its name, and has its own fields only."""
    name = data.draw(st.sampled_from([*kinds(family), "x"]))
    given = data.draw(st.dictionaries(st.sampled_from(sorted(hints(kinds(family).get(name, family)))), VALUES))
    agree({**given, "kind": name}, family)


LENGTHS = [
    (kind, name, limits)
    for kind in KINDS
    for name, hint in hints(kind).items()
    for arm in arms(hint)
    if (limits := bounds(arm)).min_length is not None or limits.max_length is not None
]


@pytest.mark.parametrize(
    ("kind", "name", "limits"), LENGTHS, ids=lambda part: getattr(part, "__name__", str(part))[:20]
)
def test_how_many_there_may_be(kind: type, name: str, limits: Bounds):
    """One entry too few or too many is refused by Pydantic, and by the types in the words of their bounds."""
    hint = hints(kind)[name]
    few = [limits.min_length - 1] if limits.min_length else []
    many = [limits.max_length + 1] if limits.max_length else []
    for count in few + many:
        one: Any = "x" if kind is Stripe or name == "use" else {"memory": 1 << 30}
        with pytest.raises(ValidationError) as caught:
            validator(hint).validate_json(json.dumps([one] * count))
        assert caught.value.errors()[0]["type"] in ("too_short", "too_long")
        value = (("x",) if kind is Stripe or name == "use" else (Node(memory=1 << 30),)) * count
        assert next(wrong(value, hint, (name,)))[1:] == limits.refusal((name,), value)


def test_a_family_makes_the_kind_that_is_named():
    made = Disk(kind="hdd", rpm=5400)
    assert (type(made).__name__, made.kind, made.rpm) == ("Hdd", "hdd", 5400) and Disk().kind == "generic"
    with pytest.raises(TypeError, match="rpm"):
        Disk(kind="usb", rpm=5400)
    with pytest.raises(ValueError, match=r"`hd` is not one of generic, .*did you mean `hdd`"):
        Disk(kind="hd")


def test_all_relations_that_do_not_hold_are_told_at_once():
    plain = {"kind": "hdd", "min_ratio": 9, "max_ratio": 1, "seek_full": 1, "fail_until": 3}
    with pytest.raises(ValidationError) as caught:
        validator(Disk).validate_json(json.dumps(plain))
    (error,) = caught.value.errors()
    assert isinstance(unsound := error["ctx"]["error"], Unsound)
    assert [fault.path for fault in unsound.faults] == [("min_ratio",), ("fail_until",), ("seek_average",)]


def test_a_range_is_told_as_it_is_declared():
    assert facts(Cgroup, "swappiness").range == "0 to 200"
    rpm = facts(Disk, "rpm")
    assert (rpm.type, rpm.range, rpm.default, rpm.unit) == ("whole number", "1 to 100000", "7200", "")
    assert rpm.doc.endswith("for kind hdd")
    assert facts(Mempolicy, "weights").range == "1 to 255" and facts(Region, "size").type == "size"
    assert fields(Disk)["kind"].type.startswith("generic | sata-ssd | optane | nvme")
    assert bounds(hints(Task)["count"]).text() == facts(Task, "count").range == "1 to 16384"


def test_checking_an_experiment_imports_neither_all_of_pydantic_nor_numpy():
    heavy = ("numpy", "numba", "ray", "scipy", "pyarrow", "matplotlib", "zstandard", "pydantic.main")
    code = f"""
import sys
from mmrun.runner.cli import main
assert main(["check", {str(config_dir() / "numa.yaml")!r}]) == 0
print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_a_worker_starts_without_pydantic():
    code = "import sys, mmrun.model.api; print([name for name in sys.modules if name.startswith('pydantic')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
