"""Values that fit their types are built without Pydantic: the same values, and nothing that Pydantic refuses."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mmrun.model import workloads
from mmrun.model.description import Machine, Mempolicy, Region, Sampling, Stream, SwapTarget, Sysctl, Task
from mmrun.runner.config.experiment import Replicates
from mmrun.runner.config.fields import Unsure, adapter, build, hints, required
from mmrun.runner.config.library import config_dir
from mmrun.runner.report.report_block import Figure, ReportBlock, Table

KINDS = [Machine, Mempolicy, Region, Replicates, ReportBlock, Sampling, Stream, SwapTarget, Sysctl, Task]
KINDS += [Figure, Table, *map(workloads.params_type, workloads.kinds())]
WORDS = ["local", "bind", "all", "auto", "anon", "file", "partition", "ssd", "mean", "bars", "x", ""]
SCALARS = st.one_of(st.sampled_from(WORDS), st.integers(-2, 10**9), st.sampled_from([0.0, 0.5, 2.0]), st.booleans())
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), below, max_size=2),
    max_leaves=6,
)


def exact(value: Any) -> str:
    """The value with every type spelt out: 1, 1.0 and True differ."""
    return repr(value)


def agree(plain: Any, hint: Any) -> bool:
    """Whether the value was built; then Pydantic makes the same of it."""
    try:
        built = build(plain, hint)
    except Unsure:
        return False
    try:
        judged = adapter(hint).validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        pytest.fail(f"built from {plain} although Pydantic refuses it: {error}")
    assert exact(built) == exact(judged)
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@given(data=st.data())
def test_records(kind: type, data: st.DataObject):
    known = hints(kind)
    must = {name: st.integers(-1, 10**6) | VALUES for name in required(kind)}
    agree(data.draw(st.fixed_dictionaries(must, optional=dict.fromkeys(sorted(known.keys() - must), VALUES))), kind)


@pytest.mark.parametrize("hint", sorted({hint for kind in KINDS for hint in hints(kind).values()}, key=str), ids=str)
@given(value=VALUES)
def test_fields(hint: Any, value: Any):
    agree(value, hint)


def test_ordinary_values_are_built():
    region = {"kind": "file", "size": 4096, "disk": "ssd", "access": "read"}
    assert agree({"stream": {"kind": "loop", "params": {"size": 1}}, "memory": [region], "count": 2}, Task)
    assert agree({"mode": "weighted-interleave", "nodes": [0, 1], "weights": "auto"}, Mempolicy)
    assert agree({"name": "a", "metrics": ["misses"], "where": {"x": [1, "b"], "y": 2.5}, "confidence": 0.9}, Table)
    assert agree({"nodes": [{"memory": 1 << 30}], "distance": [[10]], "disks": {"ssd": {"parallel": 4}}}, Machine)


def test_checking_an_experiment_imports_neither_pydantic_nor_numpy():
    heavy = ("numpy", "numba", "ray", "scipy", "pyarrow", "matplotlib", "zstandard", "pydantic.main")
    code = f"""
import sys
from mmrun.runner.cli import main
assert main(["check", {str(config_dir() / "numa.yaml")!r}]) == 0
print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
