"""Kernels as one library of machine code: never old code, no more work than an edit asks for, exceptions not lost."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

from mmrun.model import api, warmup
from mmrun.model.core.jit import kernel
from mmrun.model.core.memory import Memory
from mmrun.model.core.record import Accessor
from mmrun.model.description import Variant
from mmrun.model.library import calls, codes, main, place
from mmrun.model.library.frontend import widened
from mmrun.model.library.machine import runs_here, shipped
from mmrun.model.library.store import Store
from mmrun.model.machine.state import geometry
from mmrun.model.mm.page.state import frames

ROOT = Path(__file__).resolve().parents[2]
CALLEE = "from mmrun.model.core.jit import kernel\nSTEP = {step}\n\n@kernel\ndef callee(x):\n    return {body}\n"
CALLER = "from mmrun.model.core.jit import kernel\n\n@kernel\ndef caller(x):\n    return callee(x) + 1\n"


def module(folder: Path, name: str, text: str, **known: object) -> ModuleType:
    """A module of that text, as if its file had been written anew and imported by a new process."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"tried_{name}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    vars(made).update(known)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


def caller_of(folder: Path, body: str, step: int = 3):
    """A kernel that calls another one with this body."""
    callee = module(folder, "callee", CALLEE.format(body=body, step=step)).callee
    return module(folder, "caller", CALLER, callee=callee).caller


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    if "built_in" not in request.node.name:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))


def compiled() -> set[tuple[str, str]]:
    """(name, version) of what the front end has been through."""
    return {(entry.name.split(".")[-1], entry.version) for entry in Store().entries.values()}


def test_an_edited_callee_is_what_runs_and_its_caller_is_not_compiled_again(tmp_path: Path):
    assert caller_of(tmp_path, "x * 2")(10) == 21
    before = compiled()
    assert caller_of(tmp_path, "x * 5")(10) == 51
    assert [name for name, _ in compiled() - before] == ["callee"]
    before = compiled()
    assert caller_of(tmp_path, "x * 2  # a remark")(10) == 21
    assert compiled() == before


def test_a_callee_with_another_result_type_compiles_its_caller_again(tmp_path: Path):
    assert caller_of(tmp_path, "x * 2")(10) == 21
    found = caller_of(tmp_path, "x * 0.25")(10)
    assert found == 3.5 and isinstance(found, float)
    again = caller_of(tmp_path, "x * 2")(10)
    assert again == 21 and isinstance(again, int)


def test_an_edited_constant_is_what_runs(tmp_path: Path):
    assert caller_of(tmp_path, "x * STEP", step=3)(10) == 31
    before = compiled()
    assert caller_of(tmp_path, "x * STEP", step=4)(10) == 41
    assert [name for name, _ in compiled() - before] == ["callee"]


def test_a_moved_field_of_a_row_is_where_kernels_look():
    def reader(dtype: np.dtype):
        table = Accessor(frames.number, "frames", dtype, 1)

        @kernel
        def read(m, row):
            return table(m)[row].b

        return read

    memory = Memory(frames=4)
    raw = memory.table("frames").view(np.uint8)
    first, second = np.dtype([("a", "i4"), ("b", "i4")]), np.dtype([("b", "i4"), ("a", "i4")])
    raw[: 4 * 8].view(first)["a"], raw[: 4 * 8].view(first)["b"] = [1, 2, 3, 4], [5, 6, 7, 8]
    assert reader(first)(memory.m, 2) == 7
    assert reader(second)(memory.m, 2) == 3


def test_a_kernel_in_a_module_that_kernels_name_by_the_module(tmp_path: Path):
    """A constant taken as `module.NAME` counts by its value, too."""
    text = "from mmrun.model.core.jit import kernel\n\n@kernel\ndef at(x):\n    return x + other.LOW\n"
    found = [
        module(tmp_path, "user", text, other=module(tmp_path, "other", f"LOW = {low}\n")).at(1) for low in (1, 2, 1)
    ]
    assert found == [2, 3, 2]


def test_what_a_kernel_closes_over_is_part_of_it():
    def made(by: int):
        @kernel
        def times(x):
            return x * by

        return times

    assert [made(by)(7) for by in (2, 3, 2)] == [14, 21, 14]


def test_arguments_and_results_of_all_kinds_pass():
    @kernel
    def sums(numbers, weights, start):
        total = start
        for row in range(numbers.shape[0]):
            total += numbers[row, 0] * weights[row]
        numbers[0, 1] = -1
        return numbers.shape[0], total

    numbers = np.arange(6, dtype=np.int64).reshape(3, 2)
    assert sums(numbers, np.array([1.0, 0.5, 0.25]), 10.0) == (3, 12.0)
    assert numbers[0, 1] == -1
    assert sums(numbers[::2], np.array([1.0, 0.5]), 10.0) == (2, 12.0)


@pytest.mark.parametrize(
    "value",
    [5, True, 2.5, np.uint64(7), np.int16(-3), np.zeros(3, np.int16), np.zeros((2, 2), bool), Memory().m,
     np.zeros(2, Memory(frames=1).table("frames").dtype)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_and_its_type_have_one_code(value: object):
    code = codes.of_values((value,))
    assert code == codes.of_type(widened(numba.typeof(value)))
    assert codes.of_type(codes.to_type(code)) == code


def test_an_exception_reaches_the_caller():
    @kernel
    def checks(x):
        if x <= 0:
            raise ValueError("too small")
        return x

    @kernel
    def outer(x):
        return checks(x) + 1

    assert outer(1) == 2
    with pytest.raises(ValueError, match="too small"):
        outer(0)
    assert outer(2) == 3


BOUNDS = """
import numpy as np
from mmrun.model.core.jit import kernel

@kernel
def pick(numbers, at):
    return numbers[at]

@kernel
def last(numbers):
    return numbers[-1]

print(pick(np.arange(4), 3), last(np.arange(9)))
for outside in (4, -1):  # what is computed does not count from the end
    try:
        pick(np.arange(4), outside)
    except IndexError as error:
        print("IndexError")
"""


def test_bounds_are_checked_on_demand(tmp_path: Path):
    (tmp_path / "script.py").write_text(BOUNDS)
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["3", "8", "IndexError", "IndexError"]


RAISES = '''"""An assertion that fails."""

from mmrun.model.core.jit import hook
from mmrun.model.mm.lru.variants.lru.cost_balanced import *

SOURCE = "this test"
SCOPE = "node"


@hook
def prepare_scan(m, sc):
    assert sc > 99, "never so many"
    return 0
'''


def test_an_exception_in_an_outside_hook_stops_a_built_in_run(tmp_path: Path):
    path = tmp_path / "raises.py"
    path.write_text(RAISES)
    (cell,) = [cell for era, cell in warmup.cells() if era == "6.18"]
    cell.policy["lru"] = Variant(variant="raises", file=str(path))
    cell.tasks["t"].stream.params["size"] = 64 << 20
    cell.tasks["t"].stream.params["accesses"] = 20_000
    with pytest.raises(
        api.ModelError, match=r"raises\.py:\d+: AssertionError: never so many \(hook prepare_scan of lru"
    ):
        api.simulate(cell)


WARM = """
import sys
if "first" in sys.argv:
    import numba
from mmrun.model import api, warmup
for era, cell in warmup.cells():
    api.simulate(cell)
from mmrun.model.library import calls
print("numba" in sys.modules, len(calls._libraries))
"""


def run(tmp_path: Path, *arguments: str) -> str:
    (tmp_path / "warm.py").write_text(WARM)
    command = [sys.executable, str(tmp_path / "warm.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_start_with_built_in_code_imports_no_numba_and_compiles_nothing(tmp_path: Path):
    api.warm()
    assert run(tmp_path) == "False 0"


def test_numba_imported_first_changes_nothing_built_in(tmp_path: Path):
    api.warm()
    assert run(tmp_path, "first") == "True 0"
    assert not list((ROOT / "model").rglob("*.nb[ci]"))


def test_whoever_waits_for_another_process_says_so(tmp_path: Path):
    said: list[str] = []

    def second() -> None:
        with place.locked("code", said.append):
            said.append("done")

    waiting = threading.Thread(target=second)
    with place.locked("code", said.append):
        waiting.start()
        while not said:
            time.sleep(0.01)
        assert f"process {os.getpid()}" in said[0]
    waiting.join()
    assert said[1:] == ["done"]


def test_half_a_file_is_no_file(tmp_path: Path):
    path = place.objects() / "front-x"
    place.write(path, {"a": b"x" * 1000})
    assert place.read(path) == {"a": b"x" * 1000}
    path.write_bytes(path.read_bytes()[:-5])
    assert place.read(path) is None


def test_what_nobody_uses_goes_after_a_day(tmp_path: Path):
    old, young = place.objects() / "code-old", place.objects() / "code-young"
    place.write(old, 1)
    place.write(young, 2)
    os.utime(old, (0, time.time() - place.KEPT_SECONDS - 60))
    place.write(place.objects() / "code-new", 3)
    assert not old.exists() and young.exists()


@kernel
def scaled(m, by):
    return geometry(m).nr_frames * by


@pytest.mark.parametrize(("level", "number"), [("x86-64-v3", 62), ("aarch64", 183)])
def test_code_for_other_machines(level: str, number: int):
    image = main.obtain([(scaled, "Mi")], shipped(level))
    assert image.code[:4] == b"\x7fELF" and int.from_bytes(image.code[18:20], "little") == number
    if runs_here(level):
        memory = Memory()
        geometry(memory.m).nr_frames = 6
        library = calls.Library(image)
        assert library.function(f"{main.name(scaled)}(Mi)", "Mi")(memory.m, 7) == 42
