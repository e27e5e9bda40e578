"""A policy of one's own is one file outside the project: bound at compiled speed, swept beside the built-in ones."""

import os
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from mmrun.model import api, registry
from mmrun.model.build import expand
from mmrun.model.core.events import ARG_MASK
from mmrun.model.description import Cell, Cgroup, Machine, Node, Stream, SwapTarget, Task, Variant
from mmrun.model.library.store import Store
from mmrun.model.mm.lru.variants.lru import cost_balanced
from mmrun.model.sources.variant_check import faults
from mmrun.model.units import PAGE, MiB
from mmrun.model.workloads import open_stream
from tests.model.cells import machine_of

ROOT = Path(__file__).resolve().parents[2]
FIFO = '''"""First in, first out: no reference is ever looked at.

Pages are evicted in the order in which they came; everything else is as in the cost-balanced lists.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.lru.variants.lru.cost_balanced import (
    after_round, age_anon, age_nonresident, end_reclaim, evict, may_shrink_active, new_anon_active, note_active,
    note_inactive, prepare_scan, scan_count,
)

SOURCE = "textbooks"
SCOPE = "node"
PARAMS = {"verdict": (0, "", "answer on every page: 0 reclaim, 2 keep", "this test")}
params = parameters("lru", PARAMS)


@hook
def check_references(m, pfn, young, executable):
    return VERDICT


@hook
def refault(m, pfn, shadow):
    return 0
'''
THROUGH_THE_FACE = '''"""First in, first out, by the stable names only."""

from mmrun.policy import KEEP, RECLAIM_PAGE, frames, hook, kernel, parameters

SOURCE = "textbooks"
BASE = "cost-balanced"
PARAMS = {"verdict": (0, "", "answer on every page: 0 reclaim, 2 keep", "this test")}
params = parameters("lru", PARAMS)


@kernel
def is_isolated(m, frame):
    return frames(m)[frame].kind >= 0


@hook
def check_references(m, frame, young, executable):
    return params(m).verdict if is_isolated(m, frame) else KEEP + RECLAIM_PAGE


@hook
def refault(m, frame, shadow):
    return 0
'''
LIMIT = 512


def written(directory: Path, verdict: str = "params(m).verdict") -> Path:
    path = directory / "fifo.py"
    path.write_text(FIFO.replace("VERDICT", verdict))
    return path


def cell(lru: Variant | None, accesses: int = 60_000, **params: object) -> Cell:
    stream = Stream(
        kind="zipf", params={"size": 1500 * PAGE, "accesses": accesses, "exponent": 0.8, "write_fraction": 1.0}
    )
    return Cell(
        kernel="6.18",
        machine=Machine(nodes=(Node(memory=64 * MiB),), swap={"z": SwapTarget(kind="zram", size=64 * MiB)}),
        tasks={"t": Task(stream=stream, cgroup="g")},
        cgroups={"g": Cgroup(max=LIMIT * PAGE)},
        policy={"lru": lru} if lru else {},
    )


def never_seen(text: str) -> str:
    """The text as one that nobody has compiled yet: a policy's kernels are named by what it consists of."""
    return f"{text}# {time.time_ns()}\n"


def outside(path: Path, **params: int) -> Variant:
    return Variant(variant="fifo", file=str(path), params=dict(params))


def pages_of(described: Cell) -> np.ndarray:
    ((name, task),) = expand(described).items()
    return np.concatenate(list(open_stream(task.stream, api._rng(described, name)).events)) & ARG_MASK


def fifo_misses(pages: np.ndarray, capacity: int) -> int:
    """Misses of an exact FIFO of `capacity` pages that are not first touches."""
    memory: OrderedDict[int, None] = OrderedDict()
    seen: set[int] = set()
    misses = 0
    for page in pages.tolist():
        if page in memory:
            continue
        misses += page in seen
        seen.add(page)
        if len(memory) == capacity:
            memory.popitem(last=False)
        memory[page] = None
    return misses


def kernels() -> set[str]:
    """Every version of a kernel that has been compiled."""
    return {f"{entry.name} {entry.version}" for entry in Store().entries.values()}


def test_it_evicts_as_an_exact_fifo_does(tmp_path: Path):
    """Between FIFO with all the frames and FIFO with those of a reclaim batch (at most 64) and the page table less."""
    described = cell(outside(written(tmp_path)))
    found = api.simulate(described, check=True).metrics
    pages = pages_of(described)
    best, worst = fifo_misses(pages, LIMIT - 4), fifo_misses(pages, LIMIT - 4 - 64)
    assert best * 0.99 <= found["misses"] <= worst * 1.01
    assert found["pgactivate"] == found["pgrefill"] == found["workingset_refault_anon"] == 0
    assert found["pgscan_anon"] == found["pgsteal_anon"], "every page looked at is evicted"


def test_the_built_in_policy_does_better_on_a_skewed_stream(tmp_path: Path):
    fifo = api.simulate(cell(outside(written(tmp_path)))).metrics
    built_in = api.simulate(cell(None)).metrics
    assert built_in["misses"] < 0.95 * fifo["misses"] and built_in["pgactivate"] > 0


def test_no_kernel_of_the_core_is_compiled_again(tmp_path: Path):
    api.simulate(cell(None, 5000))
    before = kernels()
    path = written(tmp_path)
    path.write_text(never_seen(path.read_text()))
    api.simulate(cell(outside(path), 5000))
    names = {new.split()[-2] for new in kernels() - before}  # "hook NAME MODULE.FUNCTION VERSION"
    own = {found for found in names if found.startswith("outside_lru_fifo")}
    assert {found.split(".")[-1] for found in own} == {"check_references", "refault"}
    assert not any("mmrun.model" in found for found in names), "others' policies may be compiled meanwhile"


def test_it_runs_at_compiled_speed(tmp_path: Path):
    """As fast as the built-in policy for the work it does; interpreted hooks would be hundreds of times slower."""
    variant = outside(written(tmp_path))
    spent = {}
    for name, lru in (("built-in", None), ("outside", variant)):
        described = cell(lru, 400_000)
        api.simulate(cell(lru, 5000))
        started = time.process_time()
        found = api.simulate(described).metrics
        spent[name] = (time.process_time() - started) / (found["pgscan_anon"] + found["accesses"] / 10)
    assert spent["outside"] < 4 * spent["built-in"]


@pytest.mark.parametrize("other", ["2", "1 + 1"])
def test_an_edited_file_takes_effect_at_once(tmp_path: Path, other: str):
    """Also within one process, and when only a constant changes. Nothing can be evicted where every page is kept."""
    path = written(tmp_path, "0")
    first = api.simulate(cell(outside(path), 3000)).metrics
    before = api.fingerprint(cell(outside(path)))
    written(tmp_path, other)
    second = api.simulate(cell(outside(path), 3000)).metrics
    assert first["outcome"] == "ok" and second["outcome"] == "oom"
    assert api.fingerprint(cell(outside(path))) != before
    written(tmp_path, "0")
    assert api.simulate(cell(outside(path), 3000)).metrics == first


def test_its_parameters_reach_its_hooks(tmp_path: Path):
    path = written(tmp_path)
    assert api.simulate(cell(outside(path, verdict=2), 3000)).metrics["outcome"] == "oom"
    assert registry.variant_info("lru", "fifo", str(path)).params["verdict"].default == 0
    with pytest.raises(ValueError, match="verdict is a whole number, not 'keep'"):
        registry.resolve(cell(Variant(variant="fifo", file=str(path), params={"verdict": "keep"})))


def test_hooks_it_took_over_keep_their_own_parameters(tmp_path: Path):
    """Not what stands in the same place among its own; and what it declares again reaches them."""
    plain = written(tmp_path, "0")
    text = plain.read_text(encoding="utf-8")
    kept = dict.fromkeys(("io_cost_only", "scan_on", "fold_in_reclaim", "file_workingset"))
    swept = {}
    for name, (declared, value) in {
        "none": ("{}", None), "other": ('{"other": (0, "", "a number", "this test")}', None),
        "again": ('{"scan_on": (True, "", "as there", "this test")}', True),
        "against": ('{"scan_on": (True, "", "as there", "this test")}', False),
    }.items():  # fmt: skip
        path = tmp_path / f"{name}.py"
        path.write_text(text.replace(text[text.index("PARAMS = ") :].partition("\n")[0], f"PARAMS = {declared}"))
        params = {} if value is None else {"scan_on": value}
        chosen = Variant(variant=name, file=str(path), params=params)
        built = machine_of(registry.resolve(cell(chosen, 3000)))
        swept[name] = {key: int(cost_balanced.params(built.memory.m)[key]) for key in kept}
    assert swept["none"] == swept["other"]
    assert swept["again"] == {**swept["none"], "scan_on": 1} and swept["against"] == {**swept["none"], "scan_on": 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SOURCE = 'x'\n", "docstring"),
        ('"""Doc."""\nif:\n', "not a Python file"),
        ('"""Nothing."""\nSOURCE = "x"\nSCOPE = "node"\n', "defines the hooks"),
    ],
)
def test_a_file_that_is_no_variant_is_refused(tmp_path: Path, text: str, words: str):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        api.simulate(cell(Variant(variant="broken", file=str(path)), 100))


def test_the_stable_names_do_the_same(tmp_path: Path):
    """`mmrun.policy` with BASE against imports from inside the model: the same numbers, and nothing else is compiled.

    The parameters of the base come first: the file's own has the place behind its four.
    """
    assert api.simulate(cell(None, 5000)).metrics["outcome"] == "ok"
    inside = api.simulate(cell(outside(written(tmp_path)))).metrics
    path = tmp_path / "face.py"
    path.write_text(never_seen(THROUGH_THE_FACE))
    assert faults("lru", str(path)) == []
    before = kernels()
    assert api.simulate(cell(outside(path))).metrics == inside
    new = {each.split()[-2].split(".")[-1] for each in kernels() - before}
    assert new == {"check_references", "refault", "is_isolated"}
    assert list(registry.variant_info("lru", "fifo", str(path)).params)[3:] == ["scan_on", "verdict"]
    assert registry.variant_info("lru", "fifo", str(path)).scope == "node"
    assert api.simulate(cell(outside(path, verdict=2), 3000)).metrics["outcome"] == "oom"
    path.write_text(THROUGH_THE_FACE.replace("params(m).verdict", "2"))
    assert api.simulate(cell(outside(path), 3000)).metrics["outcome"] == "oom", "an edited file takes effect at once"


CONFIG = """\
experiment: fifo
kernel: "6.18"
machine:
  nodes: [{cpus: 1, memory: 64MiB}]
  swap: {z: {kind: zram, size: 64MiB}}
cgroups: {g: {max: 2MiB}}
tasks:
  t: {cgroup: g, stream: {kind: zipf, size: 6MiB, accesses: 30000, exponent: 0.8, write_fraction: 1.0}}
sweep:
  product:
    lru:
      built-in: {policy.lru: cost-balanced}
      fifo: {policy.lru: {variant: fifo, file: ./fifo.py}}
report:
  tables: [{name: main, rows: [lru], metrics: [misses]}]
"""


def swept(directory: Path) -> tuple[dict[str, int], str]:
    """(misses by variant, what the command said) of a sweep through the command line, in its own process."""
    import pyarrow.parquet as parquet

    command = [
        sys.executable,
        "-c",
        "import sys; from mmrun.runner.cli import main; sys.exit(main())",
        "sweep",
        "fifo.yaml",
        "--executor",
        "local",
        "--out",
        "out",
    ]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = parquet.read_table(directory / "out" / "runs.parquet").to_pylist()
    return {row["lru"]: row["misses"] for row in rows}, done.stderr


def test_it_is_swept_beside_the_built_in_ones(tmp_path: Path):
    written(tmp_path)
    (tmp_path / "fifo.yaml").write_text(CONFIG)
    misses, said = swept(tmp_path)
    assert set(misses) == {"built-in", "fifo"} and "2 cells run" in said
    assert misses["built-in"] < 0.95 * misses["fifo"]
    again, said = swept(tmp_path)
    assert again == misses and "0 cells run" in said
