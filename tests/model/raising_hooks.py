"""Run as a program: for every hook in turn, cells in which it raises at its first call; prints what became of each.

Whatever hook it is, the machine must stop. One that does not within a minute is ended by a signal, which also ends this
process: nothing interrupts compiled code otherwise.
"""

import ctypes
import importlib.util
import json
import signal
import sys
from pathlib import Path
from types import ModuleType

from mmrun.model import api, build
from mmrun.model.core.guard import why_broken
from mmrun.model.core.jit import Hook, bind
from mmrun.model.core.memory import Memory
from mmrun.model.description import (
    Cell,
    Cgroup,
    Disk,
    Entry,
    Machine,
    Node,
    Region,
    SlabCache,
    Stream,
    SwapTarget,
    Task,
    Variant,
)
from mmrun.model.hooks import HOOK_INDEX, HOOKS
from mmrun.model.units import MS, PAGE, MiB

LIMIT_SECONDS = 60
BELOW_ALL = "actor_life"  # what every stack begins with: a call and a store, which cannot raise


def source() -> str:
    """A file of hooks that raise; the line of each exception is three times the hook's number, and one more."""
    lines = ["from mmrun.model.core.jit import hook"]
    for name, arity in HOOKS.items():
        arguments = "".join(f", a{index}" for index in range(arity))
        lines += ["@hook", f"def {name}(m{arguments}):", "    raise ValueError('on purpose')"]
    return "\n".join(lines) + "\n"


def imported(directory: Path) -> ModuleType:
    """The module of that file."""
    path = directory / "raising.py"
    path.write_text(source())
    spec = importlib.util.spec_from_file_location("raising", path)
    assert spec is not None and spec.loader is not None
    sys.modules["raising"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells() -> list[Cell]:
    """Cells that between them call every hook: full groups, a full machine, swap, dirty files, slab, scanners."""
    region = Region(kind="file", disk="d", access="read", readahead=64 * PAGE)

    def task(kind: str, *regions: Region, **more: object) -> Task:
        params = {"size": 24 * MiB, "accesses": 30_000, "write_fraction": 0.5}
        return Task(stream=Stream(kind=kind, params=params), memory=regions, **more)  # type: ignore[arg-type]

    lookups = Stream(kind="metadata", params={"objects": 40_000, "accesses": 40_000})
    tasks = {
        "grouped": task("zipf", Region(), cgroup="g"),
        "writer": task("zipf", region, cgroup="g"),
        "mapped": task("zipf", Region(kind="file", disk="d"), Region(size=4 * MiB)),
        "lookups": Task(stream=lookups, memory=(Region(kind="slab", cache="dentry", file="fs"),)),
    }
    host = Machine(
        nodes=(Node(memory=32 * MiB, cpus=4),),
        disks={"d": Disk(write_bandwidth=20_000_000), "s": Disk()},
        swap={"s": SwapTarget(kind="partition", size=32 * MiB, disk="s")},
    )
    slab = {"dentry": SlabCache(object=192)}
    watched = {"idle": Variant(variant="kstaled"), "proactive": Variant(variant="senpai", params={"interval_ms": 1})}
    grouped = {"g": Cgroup(max=16 * MiB)}
    new = Cell(
        kernel="6.18", machine=host, tasks=tasks, slab=slab, policy=watched,
        cgroups={"g": Cgroup(max=16 * MiB, high=12 * MiB)},
    )  # fmt: skip
    old = Cell(kernel="3.1", machine=host, tasks=tasks, slab=slab, cgroups={"g": Cgroup(max=16 * MiB, soft_limit=MiB)})
    later = (Entry(at=MS, drop_caches=1),)
    middle = Cell(kernel="4.19", machine=host, tasks=tasks, slab=slab, cgroups=grouped, timeline=later)
    return [new, old, middle]


def asked(hook: Hook) -> str:
    """What stops a machine whose hook is asked once, as a kernel asks: for those that no cell calls."""
    memory = Memory(frames=8)
    bind(memory.record, hook)
    kinds = [ctypes.c_void_p] + [ctypes.c_int64] * HOOKS[hook.name]
    entry = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(int(memory.m.hooks[HOOK_INDEX[hook.name]]))
    entry(memory.record.ctypes.data, *[0] * HOOKS[hook.name])
    return why_broken(memory.m)


def main(directory: str) -> None:
    """Print a JSON object: the error of each hook's cells by kernel, empty where no cell called the hook."""
    module, enter = imported(Path(directory)), build._hooks
    raising, present = "", set[str]()

    def entered(built):
        hooks = enter(built)
        if raising:
            bind(built.memory.record, getattr(module, raising))
        present.update(hook.name for hook in hooks)
        return hooks

    build._hooks = entered
    found: dict[str, dict[str, str]] = {}
    for name in ("", *(name for name in HOOKS if name != BELOW_ALL)):
        raising = name
        for cell in cells() if not name or name in present else []:
            if name:
                signal.alarm(LIMIT_SECONDS)
            print(f"{name or 'none'} raises in {cell.kernel}", file=sys.stderr, flush=True)
            try:
                api.simulate(cell)
                said = ""
            except api.ModelError as error:
                said = str(error)
            signal.alarm(0)
            found.setdefault(name, {})[cell.kernel] = said
        if name and not any(found.setdefault(name, {}).values()):
            found[name]["asked"] = asked(getattr(module, name))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
