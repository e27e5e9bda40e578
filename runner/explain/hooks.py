"""The hooks: arguments, what the answer means, who defines each of them, and which lines call it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mmrun.model import registry
from mmrun.model.core.cache import ROOT
from mmrun.model.core.events import REQUESTS
from mmrun.model.core.mechanism import CORE
from mmrun.model.hooks import AXES, TABLE, signature
from mmrun.model.sources.names import Module, module
from mmrun.runner.explain import kernel_map
from mmrun.runner.explain.entry import Entry

ARGUMENTS = {
    "actor": "row of the table of actors",
    "address": "where it is for the device, in bytes",
    "alloc_flags": "what the allocation may take, ALLOC_ bits of model/mm/page",
    "argument": "the 40 bits of the event's argument",
    "at": "time in ns",
    "began": "jiffy at which the flusher's round began",
    "below_min": "1: a zone of the node is below its min watermark",
    "buffer": "row of the table of buffers",
    "bytes": "how much",
    "card": "number of a network card, row of nics(m)",
    "cc": "compact control, row of the table of passes",
    "control": "compact control, row of the table of passes",
    "controller": "number of a controller in user space, from 0",
    "copied": "1: the page holds what was written",
    "count": "pages",
    "cpu": "row of cpus(m)",
    "device": "row of dma_devices(m)",
    "direction": "who writes, BIDIRECTIONAL to NO_DIRECTION",
    "disk": "row of disks(m), for a server's area the client's end",
    "domain": "row of iova_domains(m), a domain of an IOMMU",
    "end": "the first word that is not meant",
    "event": "what happens to the request: one of those in model/block/elevator.py",
    "executable": "1: a mapping that may be executed was used",
    "fields": "how many fields the event has",
    "file": "0: of the anonymous lists, 1: of the file lists",
    "frame": "page frame number, row of frames(m)",
    "fruitless": "rounds of reclaim in a row that gave nothing",
    "gfp": "what the allocation may do, bits of model/mm/page/gfp.py",
    "group": "row of memcgs(m), 0 is the root",
    "head": "first frame of a chain of page tables",
    "highest_zoneidx": "kind of the highest zone the allocation may use",
    "how": "1: the caller may sleep, 2: it must not be refused",
    "in_kernel": "1: asked inside the kernel, 0: on the way back to user space",
    "index": "place in the mapping in pages, -1 where interleaving does not go by it",
    "iova": "first page number of a range of addresses",
    "journal": "row of journals(m)",
    "kswapd": "1: kswapd asks, 0: a task",
    "last_cpupid": "who used the page last: CPU and task",
    "limit_pfn": "highest page number that the device reaches",
    "link": "number of a link of the machine",
    "lru": "number of a list, INACTIVE_ANON to ACTIVE_FILE",
    "lruvec": "row of lruvecs(m)",
    "memcg": "row of memcgs(m), the group at whose limit or request reclaim works",
    "migratetype": "what the pageblock should be for, UNMOVABLE to ISOLATE",
    "migration": "row of the table of migrations: target, mode, reason",
    "most": "pages, no more",
    "node": "row of nodes(m)",
    "nodemask": "allowed nodes, a bit each",
    "nr_to_reclaim": "pages wanted",
    "nr_to_scan": "pages to look at, at most a batch",
    "number": "number of the daemon, from 0",
    "object": "number of an object of a slab region",
    "offset": "bytes from the start of a frame",
    "operation": "what is done to the page or object, a code of model/core/events.py",
    "order": "of a block of 2^order pages",
    "page": "page of the task's address space, or word of its page table",
    "pageout": "pages of the batch whose write was started",
    "pages": "pages; for migrate_list, the row of a list of them",
    "pfn": "page frame number, row of frames(m)",
    "preferred_zone": "row of zones(m): the first zone the caller may use",
    "point": "number of a tracepoint",
    "proactive": "1: user space asked for it",
    "reason": "why pages are moved, a code of mm/migrate",
    "reclaimed": "pages of the batch that were freed",
    "region": "row of regions(m)",
    "request": "row of requests(m)",
    "rotated": "pages of the batch that stay active",
    "sc": "scan control, row of scans(m): what the reclaimer is about",
    "scanned": "pages looked at",
    "scanner": "number of a scanner: of a node, or 0 for the machine",
    "shadow": "what the page left behind when it was evicted",
    "skb": "row of skbs(m)",
    "slot": "number of a swap slot",
    "sock": "row of socks(m)",
    "swappiness": "0 to 200, 201: anonymous pages only, -1: the group's own",
    "task": "row of tasks(m)",
    "truesize": "bytes that the buffer was charged as",
    "value": "what is written to the setting",
    "verdict": "what check_references answered, RECLAIM_PAGE or RECLAIM_CLEAN",
    "wb": "row of the table of wbs: writeback of a device, or of a group on it",
    "word": "index of a page-table word",
    "write": "1: a write",
    "young": "page-table words that were young; for note_active, pages that were",
    "zone": "row of zones(m)",
}
"""What the arguments of hooks are; all are 64-bit whole numbers."""


def meaning(argument: str) -> str:
    """What an argument of hooks is."""
    return ARGUMENTS.get(argument, "a whole number")


def hooks() -> Iterator[Entry]:
    """Every hook, its definitions and callers left out."""
    for name, spec in TABLE.items():
        if spec.axis == CORE:
            where = "axis: none; the core's own, which no variant replaces"
            yield Entry(name, "hook of the core", f"{signature(name)}: {_answer(name)}\n{where}")
            continue
        kept = "\nvariants that define none keep the default" if spec.default else ""
        yield Entry(name, "policy hook", f"{signature(name)}: {_answer(name)}\naxis: {spec.axis}{kept}")


def _answer(name: str) -> str:
    return TABLE[name].answer or "0"


def detailed(entry: Entry) -> Entry:
    """The entry of a hook with its axis explained, its definitions, and its callers."""
    spec = TABLE[entry.name]
    head, _, axis = entry.text.partition("\naxis: ")
    lines = [head, "arguments:", "  m: the machine", *(f"  {each}: {meaning(each)}" for each in spec.arguments)]
    lines.append(f"axis: {axis}" if spec.axis == CORE else f"axis: {spec.axis}, {AXES[spec.axis]}")
    lines += ["variants that define none keep the default"] * spec.default
    lines += [f"where it failed, its answer counts as {spec.failed}"] * bool(spec.failed)
    for title, places in (("defined by:", definitions(entry.name)), ("called by:", callers(entry.name))):
        lines += [title, *(f"  {place}" for place in places or ["nobody by name: an actor's stack begins with it"])]
    return Entry(entry.name, entry.kind, "\n".join(lines))


@cache
def definitions(name: str) -> tuple[str, ...]:
    """`lru/split, model/.../lru/split.py:40` for every variant that has the hook; the core's and defaults too."""
    axis, found = TABLE[name].axis, list[str]()
    variants = {info.path: f"{axis}/{each}" for each, info in registry.variants(axis).items()} if axis != CORE else {}
    homes = {path for path in variants if f"def {name}(" in kernel_map.text_of(path)}
    for path in sorted(homes):
        found += [f"{variants[path]}, {_short(path)}:{line}" for line in _defined(path, name)]
    for path in sorted(variants.keys() - homes):
        text = kernel_map.text_of(path)
        bound = _module(path).bound.get(name) if name in text or "import *" in text else None
        if bound is not None and bound.name:
            other = module(bound.source)
            home = f" as in {_short(other.path)}," if other else ""
            found.append(f"{variants[path]},{home} {_short(path)}:{getattr(bound.node, 'lineno', 1)}")
            homes |= {other.path} if other else set()
    for path in kernel_map.files():
        if path not in homes and f"def {name}(" in kernel_map.text_of(path):
            who = "the core" if axis == CORE else "the default" if TABLE[name].default else "defined"
            found += [f"{who}, {_short(path)}:{line}" for line in _defined(path, name)]
    return tuple(found)


def _defined(path: Path, name: str) -> list[int]:
    """Lines of the definitions of a hook in a file."""
    return [
        node.lineno
        for node in kernel_map.tree_of(path).body
        if isinstance(node, ast.FunctionDef) and node.name == name
        if any(ast.unparse(each).partition("(")[0].split(".")[-1] in ("hook", "actor") for each in node.decorator_list)
    ]


@cache
def callers(name: str) -> tuple[str, ...]:
    """`shrink_node, model/mm/reclaim/vmscan.py:170` for every line that calls the hook through the machine's table."""
    found: list[str] = []
    for path in sorted((ROOT / "model").rglob("*.py")):
        text = kernel_map.text_of(path)
        if (name not in text and "requests()" not in text) or "library" in path.parts:
            continue
        source = _module(path)
        called = {local for local in source.bound if _is_caller(source, local, name)}
        found += [f"{who}, {_short(path)}:{line}" for who, line, what in _calls(path) if what in called]
    return tuple(found)


@cache
def _module(path: Path) -> Module:
    return Module(str(path), path, kernel_map.tree_of(path))


@cache
def _calls(path: Path) -> list[tuple[str, int, str]]:
    """(function, line, what is called) for every call by a plain name."""
    return [
        (part.name, node.lineno, node.func.id)
        for part in kernel_map.tree_of(path).body
        if isinstance(part, ast.FunctionDef)
        for node in ast.walk(part)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def _is_caller(source: Module, local: str, name: str) -> bool:
    """Whether a module's name is `caller("name")`, or `requests()` for what events ask for; made there or imported."""
    bound = source.find(local)
    match bound.node if bound is not None else None:
        case ast.Assign(value=ast.Call(func=ast.Name(id="caller"), args=[ast.Constant(value=str(which))])):
            return which == name
        case ast.Assign(value=ast.Call(func=ast.Name(id="requests"), args=[])):
            return TABLE[name].slot >= REQUESTS
    return False


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))
