"""A hook that raises stops the cell, and the message says where: file, line, type, hook; compiled and interpreted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmrun.model.hooks import HOOKS
from mmrun.model.mechanisms import parts
from tests.model import raising_hooks
from tests.model.raising_hooks import BELOW_ALL
from tests.model.test_outside_variant import CONFIG, FIFO

ROOT = Path(__file__).resolve().parents[2]
HOOK = '''"""Raises as its first argument says."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.page.state import frames


class Odd(Exception):
    pass


@kernel
def helper(m, a):
    if a == 3:
        raise ValueError("three is bad")
    return 100 // (a - 4)


@hook
def check_references(m, pfn, young, executable):
    assert pfn != 1
    assert pfn != 2, "two"
    helper(m, pfn)
    if pfn == 5:
        raise Odd
    frames(m)[pfn].state = 1
    return 100 % (pfn - 6)
'''
SCRIPT = """
import importlib.util, sys
import mmrun.model
from mmrun.model.core.guard import ModelError, why_broken
from mmrun.model.core.jit import bind, caller
from mmrun.model.core.memory import Memory
from numba import njit

spec = importlib.util.spec_from_file_location("mine", sys.argv[1])
mine = sys.modules["mine"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mine)
check_references = caller("check_references")

@njit
def ask(m, pfn):
    return check_references(m, pfn, 0, 0)

for pfn in map(int, sys.argv[2:]):
    memory = Memory(frames=100)
    bind(memory.record, mine.check_references)
    try:
        answer = ask(memory.m, pfn)
        print(why_broken(memory.m) if memory.m.broken else f"answered {answer}")
    except ModelError as error:
        print(error)
"""
PLACES = {  # argument: line in the file, and what is said
    1: (20, "AssertionError"), 2: (21, "AssertionError: two"), 3: (14, "ValueError: three is bad"),
    4: (15, "ZeroDivisionError: integer "), 5: (24, "Odd"), 6: (26, "ZeroDivisionError: integer modulo"),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["compiled", "with bounds checked", "interpreted"])
def test_the_line_of_every_kind_of_exception(mode: str, tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text(HOOK)
    checked, interpreted = mode == "with bounds checked", mode == "interpreted"
    flags = {"NUMBA_BOUNDSCHECK": str(int(checked)), "NUMBA_DISABLE_JIT": str(int(interpreted))}
    environment = {**os.environ, **flags, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    arguments = [*PLACES, *([2000] if checked or interpreted else []), 7]
    for _ in range(1 if interpreted else 2):  # compiled, and then loaded from the cache
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(path), *map(str, arguments)], env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0 and not done.stderr, done.stderr
        said = dict(zip(arguments, done.stdout.splitlines(), strict=True))
        places = PLACES | ({2000: (25, "IndexError: index")} if 2000 in arguments else {})
        for argument, (line, words) in places.items():
            assert said[argument].startswith(f"{path}:{line}: {words}"), said[argument]
            assert said[argument].endswith(f" (hook check_references of lru, {path}:18)")
        assert said[7] == "answered 0"


# May not be called in any cell: what is rare, and what only blocks of pages, movement, networks and devices ask for.
BLOCKS = {
    "migrate", "compaction", "huge", "hugetlb", "driver", "cma", "numa_balancing", "tiering", "khugepaged", "zswap",
}  # fmt: skip
RARE = {
    "trace_event",
    "shrink_batch",
    "throttle_kswapd",
    "throttle_retry",
    "age_nonresident",
    "queue_rq",
    "elevator_event",
} | {
    name
    for part in parts("settings")
    for name in getattr(part, "HOOKS", {})
    if part.__name__.split(".")[-2] in BLOCKS or any(each in part.__name__ for each in (".net.", ".dma.", ".fs."))
}


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What was said in each kernel's cell when each hook raised; "" is the run in which none did."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.raising_hooks", str(tmp_path_factory.mktemp("raising"))],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"the machine did not stop: {done.stderr.splitlines()[-3:]}"
    return json.loads(done.stdout)


def test_cells_in_which_nothing_raises_go_through(raised: dict[str, dict[str, str]]):
    assert set(raised[""].values()) == {""} and len(raised[""]) == len(raising_hooks.cells())


@pytest.mark.parametrize("name", [name for name in HOOKS if name != BELOW_ALL])
def test_whichever_hook_raises_the_machine_stops(name: str, raised: dict[str, dict[str, str]]):
    """With the exception's line. Nearly all are called in one of the cells, the rest is asked once."""
    line = 4 + 3 * list(HOOKS).index(name)
    said = [text for text in raised[name].values() if text]
    assert said and ("asked" in raised[name]) <= (name in RARE)
    for text in said:
        assert re.match(rf".*raising\.py:{line}: ValueError: on purpose \(hook {name}\b", text), text


def cli(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from mmrun.runner.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **environment})  # fmt: skip


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    (tmp_path / "fifo.py").write_text(FIFO.replace("return VERDICT", "assert pfn < 5\n    return 0"))
    (tmp_path / "fifo.yaml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize("interpreted", ["0", "1"])
def test_run_exits_1_with_the_place(experiment: Path, interpreted: str):
    changed = ["--set", "tasks.t.stream.accesses=2000"] if interpreted == "1" else []
    done = cli(experiment, "run", "fifo.yaml", "--cell", "lru=fifo", *changed, NUMBA_DISABLE_JIT=interpreted)
    assert done.returncode == 1 and not done.stdout
    policy, line = done.stderr.splitlines()
    assert "executes the policy file" in policy
    place = f"{experiment / 'fifo.py'}:21: AssertionError (hook check_references of lru, {experiment / 'fifo.py'}:19)"
    assert line.startswith(f"mmrun run: ModelError: {place}")


def test_in_a_sweep_its_cells_fail_with_the_place_and_the_others_do_not(experiment: Path):
    import pyarrow.parquet as parquet

    done = cli(experiment, "sweep", "fifo.yaml", "--executor", "local", "--out", "out")
    assert done.returncode == 1 and "1 done, 1 failed" in done.stderr
    rows = {row["lru"]: row for row in parquet.read_table(experiment / "out" / "runs.parquet").to_pylist()}
    assert rows["built-in"]["status"] == "ok" and not rows["built-in"]["error"]
    assert rows["fifo"]["status"] == "failed"
    assert rows["fifo"]["error"].startswith(f"ModelError: {experiment / 'fifo.py'}:21: AssertionError")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return unheard_of(pfn)", "cannot be compiled: "),
        ("return m.hooks", "cannot be compiled"),
        ("return 77", "check_references answered what is none of RECLAIM_PAGE"),
    ],
)
def test_what_cannot_be_compiled_or_is_out_of_range_names_the_file(body: str, words: str, tmp_path: Path):
    """Of a file that `check` did not see: through the model's own door."""
    from dataclasses import replace

    from mmrun.model import api
    from mmrun.model.description import Variant
    from tests.model.test_outside_variant import cell

    path = tmp_path / "fifo.py"
    path.write_text(FIFO.replace("return VERDICT", body))
    described = replace(cell(None, 3000), policy={"lru": Variant(variant="fifo", file=str(path))})
    with pytest.raises(api.ModelError, match=rf"^{re.escape(str(path))}:\d+: .*{words}"):
        api.simulate(described)


def test_a_file_that_raises_when_imported_is_told_with_its_line(tmp_path: Path):
    from mmrun.model import api
    from mmrun.model.description import Variant
    from tests.model.test_outside_variant import cell

    path = tmp_path / "fifo.py"
    path.write_text(FIFO.replace("return VERDICT", "return 0") + "\nNUMBER = 1 // 0\n")
    line = path.read_text().count("\n")
    with pytest.raises(
        api.ModelError, match=rf"^{re.escape(str(path))}:{line}: ZeroDivisionError: .* cannot be imported"
    ):
        api.simulate(cell(Variant(variant="fifo", file=str(path)), 100))
