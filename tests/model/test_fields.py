"""Every field that a kernel of ours names exists: a misspelt one anywhere is found by reading, before anything runs."""

import ast
import random
from pathlib import Path

import pytest

from mmrun.model.mechanisms import module_of
from mmrun.model.sources.field_check import Program, compiled
from mmrun.model.sources.names import Module, module

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("core", "machine", "mm", "block", "dma/device", "dma/iova", "dma/mapping")
FILES = [
    *(path for part in PARTS for path in sorted((ROOT / "model" / part).rglob("*.py"))),
    ROOT / "model" / "engine.py",
]


def of(path: Path) -> Module:
    found = module(module_of(path).removesuffix(".__init__"))
    assert found is not None
    return found


KERNELS = [source for source in map(of, FILES) if any(compiled(source))]


def told(sources: list[Module], strict: bool = True) -> list[str]:
    return [f"{source.path}:{fault.line}: {fault.message}" for source, fault in Program(strict).faults(sources)]


def test_every_field_in_our_kernels_exists_and_is_known_to_be_one():
    """Strictly: what a name with fields stands for is known everywhere, so nothing goes by unseen."""
    assert not told(KERNELS)
    assert sum(1 for source in KERNELS for _ in compiled(source)) > 900


def fields_of(source: Module) -> list[ast.Attribute]:
    """Fields of what the file's own text says; those of rows that only callers know are checked with the callers."""
    handed = {fault.line for _, fault in Program(strict=True).faults([source])}
    nodes = [node for kernel in compiled(source) for node in ast.walk(kernel) if isinstance(node, ast.Attribute)]
    return [node for node in nodes if node.lineno not in handed]


@pytest.mark.parametrize("seed", range(12))
def test_a_misspelt_field_is_found_wherever_it_is(seed: int):
    """One field in some kernel gets a letter more; the line of its fault is reported, and no other."""
    rng = random.Random(seed)
    copies = (Module(source.name, source.path, ast.parse(source.path.read_text(encoding="utf-8"))) for source in
              rng.sample(KERNELS, len(KERNELS)))  # fmt: skip
    spoilt, fields = next((copy, fields) for copy in copies if (fields := fields_of(copy)))
    source = next(source for source in KERNELS if source.path == spoilt.path)
    chosen = rng.choice(fields)
    chosen.attr += "q"
    found = told([*(other for other in KERNELS if other is not source), spoilt], strict=False)
    assert found and all(f"{source.path}:{chosen.end_lineno}: " in text and chosen.attr in text for text in found)


SNIPPET = '''"""A kernel."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.lru.state import lruvecs
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.page.state import frames, zones


@kernel
def helper(links, at):
    return links[at].nexxt


@kernel
def first(m, t):
    task, zone = tasks(m)[t], zones(m)[0]
    page = frames(m)[zone.start]
    if page.ownr:
        task.memgc = 1
    for node in nodes(m):
        node.cpu += 1
    lst = lruvecs(m)[0].lists[1] if t else lruvecs(m)[1].lists[2]
    lst.haed += helper(frames(m), 3)
    return geometry(m)["hertz"]
'''


def test_fields_of_locals_parameters_loops_and_choices(tmp_path: Path):
    source = Module("snippet", tmp_path / "snippet.py", ast.parse(SNIPPET))
    found = {fault.line: fault.message for fault in Program().check([source])}
    assert {line: text.split("`")[-2] for line, text in found.items()} == {
        12: "nexxt", 19: "ownr", 20: "memgc", 22: "cpu", 24: "haed", 25: "hertz",
    }  # fmt: skip
