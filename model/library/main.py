"""The library of everything that is built in, and small ones of what is not."""

import importlib
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from mmrun.model import mechanisms
from mmrun.model.core.cache import ROOT, checked
from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.core.record import MACHINE
from mmrun.model.library import place
from mmrun.model.library.key import digest, dtype_digest, key, name, standard
from mmrun.model.library.link import c_name, link
from mmrun.model.library.load import Image, Library
from mmrun.model.library.machine import LEVELS, Target, here, runs_here, shipped, versions
from mmrun.model.library.schedule import Root, Say, complete, reachable
from mmrun.model.library.sources import all_sources, front_sources, link_sources
from mmrun.model.library.store import Store

ENTRIES = {  # kernels that the model's Python calls, by module, and the types of what it passes
    "mmrun.model.engine": {"run": "M"},
    "mmrun.model.core.actors": {"schedule": "Mii"},
    "mmrun.model.mm.memcg.memcg_lru": {"online_all": "M"},
    "mmrun.model.mm.fault.old_cache": {"left_in_cache": "MiAint64,1C;i"},
    "mmrun.model.mm.page.ageing": {"age_zone": "MiAint64,1C;iiAint64,1C;Aint64,1C;"},
    "mmrun.model.mm.page.buddy": {"free_blocks": "MiAint64,2C;"},
    "mmrun.model.mm.page.pcp": {"zone_pcp_enable": "Mi"},
    "mmrun.model.mm.page.highatomic": {"setup_zone_migrate_reserve": "Mi"},
    "mmrun.model.mm.writeback.page_writeback": {
        "dirtyable": "iiiii",
        "thresholds": "iiiiii",
        "ratelimit": "ii",
        "old_ratelimit": "ii",
    },
    "mmrun.model.mm.writeback.wb_fraction": {"period_shift": "i"},
}
SHIPPED = ROOT / "model" / "library" / "shipped"
"""Libraries that came with the package, one a level of CPU."""


def quiet(text: str) -> None:
    """Tell nobody."""


def import_all() -> list[ModuleType]:
    """Every module with kernels of the model."""
    names = [*ENTRIES, "mmrun.model.build"]
    for package in mechanisms.PACKAGES:
        names += [mechanisms.module_of(file) for file in sorted(mechanisms.folder(package).rglob("*.py"))]
    return [importlib.import_module(found) for found in dict.fromkeys(names)]


def roots() -> list[Root]:
    """What the library of everything built in shows: every hook, and what Python calls."""
    modules = import_all()
    hooks = {value for module in modules for value in vars(module).values() if isinstance(value, Hook)}
    shown: list[Root] = [(of, standard(of)) for of in sorted(hooks, key=name)]
    for module, kernels in ENTRIES.items():
        shown += [(getattr(sys.modules[module], one), arguments) for one, arguments in kernels.items()]
    return shown


def siblings(of: Hook) -> list[Root]:
    """The hooks of the file that defines it: they are bound together."""
    found = vars(sys.modules[of.fn.__module__]).values() if of.fn.__module__ in sys.modules else ()
    hooks = [value for value in found if isinstance(value, Hook) and value.fn.__module__ == of.fn.__module__]
    return [(one, standard(one)) for one in sorted(hooks if of in hooks else [of], key=name)]


def is_entry(of: Kernel | Hook, arguments: str) -> bool:
    """Whether the library of everything built in shows it."""
    if not of.fn.__module__.startswith("mmrun.model."):
        return False
    if isinstance(of, Hook):
        return True
    return ENTRIES.get(of.fn.__module__, {}).get(of.fn.__name__) == arguments


def ingredients(of: Iterable[Kernel | Hook]) -> str:
    """Digest of what the machine code of these kernels and of all they name depends on."""
    parts = sorted(f"{name(one)} {key(one)}" for one in reachable(of))
    return digest("\n".join([*parts, dtype_digest(MACHINE), versions(), checked(), front_sources(), link_sources()]))


def file_of(wanted: list[Root], target: Target) -> Path:
    """Where the library of these roots is, or will be."""
    shown = " ".join(f"{name(of)}({arguments})" for of, arguments in wanted)
    which = digest(f"{shown} {ingredients(of for of, _ in wanted)} {target.text}")
    return place.objects() / f"code-{which}"


def make(wanted: list[Root], target: Target, say: Say) -> Image:
    """Compile what is missing and link."""
    store = Store()
    if complete(store, wanted, say):
        store.closure(wanted)  # marks them as in use
        store.save()
    entries = store.closure(wanted)
    say(f"linking {len(entries)} kernels")
    symbols = {f"{name(of)}({arguments})" for of, arguments in wanted}
    code = link(entries.values(), symbols, target)
    results = {symbol: entries[symbol].result for symbol in symbols}
    results |= {c_name(symbol): "i" for symbol in symbols if symbol.startswith("hook ")}
    return Image(code, results)


def obtain(wanted: list[Root], target: Target, say: Say = quiet) -> Image:
    """The library of these roots, from disk where it is there."""
    path = file_of(wanted, target)
    found: Image | None = place.read(path)
    if found is None:
        with place.locked(path.name, place.on_stderr if say is quiet else say):
            found = place.read(path)
            if found is None:
                found = make(wanted, target, say)
                place.write(path, found)
    return found


def main_path() -> Path:
    """The file that names the library of everything built in. No module has to be imported to tell."""
    return place.objects() / f"main-{digest(f'{all_sources()} {versions()} {checked()} {here().text}')}"


def shipped_path(level: str) -> Path:
    """Where it is for a level of CPU, if it came with the package: made of the very sources that are here.

    Versions are no part of its name: machine code needs neither numba nor numpy.
    """
    return SHIPPED / f"{level}-{digest(f'{all_sources()} {checked()} {level}')}"


def _on_disk() -> Image | None:
    for level in LEVELS:
        if runs_here(level) and (image := place.read(shipped_path(level))) is not None:
            return image
    named: str | None = place.read(main_path())
    return None if named is None else place.read(place.objects() / named)


def main_image(say: Say = quiet) -> Image:
    """The library of everything built in: shipped, from disk, or made now."""
    found = _on_disk()
    if found is None:
        with place.locked(main_path().name, place.on_stderr if say is quiet else say):
            found = _on_disk()
            if found is None:
                wanted = roots()
                found = obtain(wanted, here(), say)
                place.write(main_path(), file_of(wanted, here()).name)
    return found


def ready() -> bool:
    """Whether nothing has to be compiled for what is built in."""
    return _on_disk() is not None


def ship(level: str, say: Say = quiet) -> Path:
    """Make the library of everything built in for a level of CPU, as a file that goes with the package."""
    image = obtain(roots(), shipped(level), say)
    for old in SHIPPED.glob(f"{level}-*"):
        old.unlink()
    place.write(shipped_path(level), image)
    return shipped_path(level)


@cache
def main_library() -> Library:
    """The library of everything built in, in this process."""
    return Library(main_image())
