"""What every variant's file, every hook and every era owes the registry."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from mmrun.model import registry
from mmrun.model.core.jit import Hook
from mmrun.model.core.mechanism import CORE
from mmrun.model.description import Variant
from mmrun.model.hooks import HOOK_INDEX, HOOKS, TABLE
from mmrun.model.sources.variant_file import declared
from tests.model.cells import machine, machine_of, one

ALL = [(axis, name) for axis in registry.axes() for name in registry.variants(axis)]
YARDSTICKS = {"exact-lru", "clock", "random", "opt"}


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_everything_is_declared_above_the_first_function(axis, name):
    path = registry.variant_info(axis, name).path
    assert replace(declared(path, head=True), tree=None) == replace(declared(path), tree=None)


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_a_variants_file_says_what_it_is(axis, name):
    info = registry.variant_info(axis, name)
    assert len(info.doc.splitlines()[0]) > 20 and len(info.source) > 5
    assert info.path.stem == name.replace("-", "_")
    for key, param in info.params.items():
        assert key.isidentifier() and param.doc and param.source
        assert isinstance(param.default, int | float | str | bool)
    tree = ast.parse(info.path.read_text(encoding="utf-8"))
    assert isinstance(tree.body[0], ast.Expr), "the docstring comes first"


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_a_variant_defines_only_hooks_that_exist(axis, name):
    module = registry.load(axis, Variant(variant=name))
    hooks = {key: value for key, value in vars(module).items() if isinstance(value, Hook)}
    assert set(hooks) <= set(HOOKS)
    assert all(hook.name == key for key, hook in hooks.items())
    assert all(hook.fn.__code__.co_argcount == HOOKS[key] + 1 for key, hook in hooks.items())


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_a_variant_reads_the_parameters_of_its_own_axis(axis, name):
    module = registry.load(axis, Variant(variant=name))
    found = getattr(module, "params", None)
    declared = getattr(module, "PARAMS", {})
    assert found is None or (set(found.kind.names) == set(declared) and found.name.startswith(axis)), name
    used = "params(m)" in Path(module.__file__).read_text(encoding="utf-8")
    assert not used or found is not None


def owner_of(hook: str) -> str | None:
    """The axis whose variants define a hook."""
    found = {
        axis for axis, name in ALL if isinstance(getattr(registry.load(axis, Variant(variant=name)), hook, None), Hook)
    }
    assert len(found) <= 1, f"{hook} belongs to {found}"
    return found.pop() if found else None


def test_every_hook_belongs_to_the_core_or_to_one_axis_and_all_its_variants_have_it():
    core = {name for name, spec in TABLE.items() if spec.axis == CORE}
    defaults = {name for name, spec in TABLE.items() if spec.default}
    for hook in HOOKS:
        axis = owner_of(hook)
        assert (axis is None) == (hook in core), hook
        for name in registry.variants(axis) if axis and hook not in defaults else ():
            if name not in YARDSTICKS:
                assert isinstance(getattr(registry.load(axis, Variant(variant=name)), hook, None), Hook), (name, hook)


@pytest.mark.parametrize("era", registry.eras())
def test_an_era_chooses_on_every_axis_and_fills_every_setting(era):
    cell = registry.resolve(one(era, machine(16)))
    assert list(cell.policy) == list(registry.axes())
    assert {axis: variant.variant for axis, variant in cell.policy.items()} == registry.eras()[era].policy
    assert registry.resolve(cell) == cell, "resolving twice changes nothing"
    built = machine_of(one(era, machine(16)))
    unbound = {name for name, slot in HOOK_INDEX.items() if not int(built.memory.m.hooks[slot])}
    optional = {name for name, spec in TABLE.items() if spec.optional}
    assert {"slab_access", "slab_frame"} <= unbound, "those of slab caches, which this cell has none of"
    assert unbound <= optional


def test_what_does_not_exist_is_refused_with_a_word():
    cell = one("6.18", machine(16))
    for wrong, words in (
        (replace(cell, kernel="6.188"), "did you mean '6.18'"),
        (replace(cell, policy={"lur": Variant(variant="split")}), "did you mean 'lru'"),
        (replace(cell, policy={"lru": Variant(variant="splitt")}), "did you mean 'split'"),
        (replace(cell, policy={"lru": Variant(variant="split", params={"a": 1})}), "unknown parameter"),
        (replace(cell, policy={"lru": Variant(variant="mine", file="/nowhere.py")}), "no file"),
        (replace(cell, policy={"lru": Variant(variant="split")}), "per zone"),
        (replace(cell, policy={"kswapd": Variant(variant="all-zones")}), "per zone"),
    ):
        with pytest.raises(ValueError, match=words):
            registry.resolve(wrong)
