"""Reads what a task runs (`stream:`) and the policy choices (`policy:`): their keys depend on the kind or variant."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrun.model import registry, workloads
from mmrun.model.description import Variant
from mmrun.model.sources.param_rules import Param, refusals
from mmrun.runner.config import units
from mmrun.runner.config.fields import Reader, hints
from mmrun.runner.config.library import locate
from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import is_null, place_of, replace_key, to_plain, without
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar
from mmrun.runner.config.yaml_scalars import REFUSED

NO_STREAM = {"kind": "", "params": {}}


@dataclass
class Streams:
    """Reads streams; opens each trace once to verify it and keeps its content digest by path."""

    problems: Problems
    digests: dict[str, str | None] = field(default_factory=dict)

    def read(self, item: Item, reader: Reader) -> dict[str, Any]:
        """`kind` and full parameters as plain data for `description.Stream`."""
        if isinstance(item, Scalar) and item.value is REFUSED:
            return NO_STREAM
        if not isinstance(item, Mapping):
            self.problems.add(
                item.place, "a stream is a mapping with `kind` and its parameters", "write {kind: zipf, ...}"
            )
            return NO_STREAM
        kind = self.kind(item)
        if kind is None:
            return NO_STREAM
        wanted = workloads.params_type(kind)
        params = without(item, "kind")
        if "path" in hints(wanted) and params.get("path") is not None:
            found = self.trace(params.items["path"])
            if found is None:
                return NO_STREAM
            params = replace_key(params, "path", found, params.keys["path"])
        below = Reader(self.problems, reader.memory, True, name=kind, kinds_with=workloads.kinds_with)
        value = below.read(params, wanted)
        if value is None:
            return NO_STREAM
        try:
            workloads.check_footprint(kind, value)
        except ValueError as error:
            self.problems.add(params.place, str(error), "a smaller size")
            return NO_STREAM
        return {"kind": kind, "params": dataclasses.asdict(value)}

    def kind(self, item: Mapping) -> str | None:
        kind = item.get("kind")
        known = workloads.kinds()
        if not isinstance(kind, Scalar) or kind.value is None:
            where = item.place if kind is None else kind.place
            self.problems.add(where, "`kind` of the stream is required", "one of " + ", ".join(known))
        elif kind.value in known:
            return str(kind.value)
        elif kind.value is not REFUSED:
            self.problems.add(kind.place, f"unknown stream kind `{kind.text}`", suggest(kind.text, known))
        return None

    def trace(self, item: Item) -> Scalar | None:
        """The path of a trace as an absolute one, after its content is verified."""
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value:
            if not (isinstance(item, Scalar) and item.value is REFUSED):
                self.problems.add(item.place, f"the path of a trace is expected, found {units.name(to_plain(item))}")
            return None
        path = locate(item.value, item.place.file, "traces")
        if path is None:
            self.problems.add(
                item.place, f"no trace `{item.value}`", "paths are relative to this file, or a shipped trace"
            )
            return None
        real = str(path.resolve())
        if real not in self.digests:
            self.digests[real] = self.verify(path, item)
        return Scalar(item.place, real, real, quoted=True) if self.digests[real] else None

    def verify(self, path: Path, item: Scalar) -> str | None:
        from mmrun.model.trace import TraceError, verified_header

        try:
            return verified_header(path).identity
        except (TraceError, OSError) as error:
            self.problems.add(item.place, f"the trace cannot be used: {error}", "record or import it again")
            return None


def read_policy(item: Item | None, problems: Problems) -> dict[str, Variant] | None:
    """The chosen variants by axis, or None with the reasons in `problems`."""
    if item is None or is_null(item):
        return {}
    before = len(problems)
    if not isinstance(item, Mapping):
        problems.add(item.place, "`policy` maps axes to variants", "write policy: {lru: split}")
        return None
    axes = registry.axes()
    chosen = {}
    for axis, part in item.items.items():
        if axis not in axes:
            problems.add(item.keys[axis], f"unknown policy axis `{axis}`", suggest(axis, axes))
        elif not is_null(part):
            variant = read_variant(axis, part, problems)
            if variant is not None:
                chosen[axis] = variant
    return chosen if len(problems) == before else None


def read_variant(axis: str, item: Item, problems: Problems) -> Variant | None:
    """One axis' choice: a name, or a mapping of `variant`, optional `file`, and parameters."""
    if isinstance(item, Scalar):
        name, file, params = item, None, Mapping(item.place, {}, {})
    elif isinstance(item, Mapping) and isinstance(named := item.get("variant"), Scalar):
        name, file, params = named, item.get("file"), without(item, "variant", "file")
    else:
        problems.add(
            item.place, f"a variant of `{axis}` is expected", "write its name, or {variant: name, parameter: value}"
        )
        return None
    if name.value is REFUSED:
        return None
    path = None
    if file is not None:
        path = outside(file, problems)
        if path is None or not sound(axis, path, problems):
            return None
    elif name.value not in registry.variants(axis):
        problems.add(name.place, f"`{axis}` has no variant `{name.text}`", suggest(name.text, registry.variants(axis)))
        return None
    try:
        info = registry.variant_info(axis, str(name.value), path)
    except (ValueError, OSError, TypeError) as error:
        problems.add((file or name).place, str(error))
        return None
    values = read_params(info, params, problems)
    return Variant(variant=str(name.value), file=path, params=values)


def sound(axis: str, path: str, problems: Problems) -> bool:
    """Whether an outside variant's file is free of the faults that its text shows; notes those it has."""
    from mmrun.model.sources.variant_check import faults

    found = faults(axis, path)
    for fault in found:
        problems.add(Place(Path(path), fault.line, fault.column), fault.message, fault.fix)
    return not found


def outside(item: Item, problems: Problems) -> str | None:
    """The absolute path of an outside variant file."""
    if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
        path = item.place.file.parent / item.value
        try:
            if path.is_file():
                if path.resolve().suffix == ".py":
                    return str(path.resolve())
                problems.add(item.place, f"`{path}` is not called .py", "the file of a variant is a Python file")
                return None
        except OSError as error:  # a path that no file system takes
            problems.add(item.place, f"no file `{str(path)[:60]}...`: {error.strerror}", "name a Python file")
            return None
        problems.add(item.place, f"no file `{path}` of Python, named .py", "the path is relative to this file")
    else:
        problems.add(item.place, "the path of a Python file is expected", "the path is relative to this file")
    return None


def read_params(info: registry.VariantInfo, item: Mapping, problems: Problems) -> dict[str, int | float | str | bool]:
    """The parameters given for a variant: each of its default's type and within its range, all in their relations."""
    values: dict[str, Any] = {}
    before = len(problems)
    for name, part in item.items.items():
        if name not in info.params:
            what = f"`{info.axis}/{info.name}` has no parameter `{name}`"
            problems.add(item.keys[name], what, suggest(name, info.params) if info.params else "it takes none")
        elif not is_null(part) and not (isinstance(part, Scalar) and part.value is REFUSED):
            try:
                values[name] = read_param(info.params[name], part)
            except units.UnitError as error:
                problems.add(part.place, f"{name}: {error}", error.fix)
    relations = info.relations if len(problems) == before else ()  # of what was refused nothing follows
    for refusal in refusals(info.params, relations, values):
        given = next(name for name in reversed(refusal.names) if name in values)
        problems.add(place_of(item, given), refusal.message, refusal.fix)
    return values


def read_param(param: Param, item: Item) -> Any:
    """The value of one parameter, quantities in their base unit; `UnitError` says why it is none."""
    value = to_plain(item)
    return units.parse(value, param.unit) if param.unit in ("bytes", "ns", "bytes/s") else value
