"""JSON Schema (draft-07) of experiment and machine files, made from the model's dataclasses and their documentation.

The schema is for editors: it completes names and catches slips while typing. `mmrun check` is stricter: it also knows
which values go together.
"""

import dataclasses
import typing
from typing import Any

from mmrun.model import eras, registry, workloads
from mmrun.model.description import Cgroup, Device, Machine, Sampling, SlabCache, Stream, SwapTarget, Sysctl, Task
from mmrun.runner.config import units
from mmrun.runner.config.experiment import File, Replicates
from mmrun.runner.config.fields import SHARES, arms, docs, hints, literals, quantity, required
from mmrun.runner.config.library import machine_names
from mmrun.runner.plan.axes import SWEPT
from mmrun.runner.plan.sampling import Settings
from mmrun.runner.report.report_block import ReportBlock

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]
BASIC = {int: "integer", float: "number", str: "string", bool: "boolean"}


def experiment_schema() -> Schema:
    """The schema of an experiment file."""
    maker = Maker(partial=(SwapTarget, Device))
    maker.special[Stream] = maker.stream
    known = docs(File)
    parts: dict[str, Schema] = {
        "experiment": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
        "description": {"type": "string"},
        "include": {"type": "array", "items": {"type": "string"}},
        "kernel": {"type": "string", "enum": list(eras.names())},
        "machine": maker.machine_choice(),
        "policy": maker.policy(),
        "vm": maker.of(Sysctl),
        "cgroups": maker.of(dict[str, Cgroup]),
        "slab": maker.of(dict[str, SlabCache]),
        "tasks": maker.of(dict[str, Task]),
        "sampling": maker.of(Sampling),
        "duration": maker.quantity("ns"),
        "seed": {"type": ["string", "integer"]},
        "replicates": {"anyOf": [{"type": "integer", "minimum": 1}, maker.of(Replicates)]},
        "sweep": maker.sweep(),
        "report": maker.of(ReportBlock),
    }
    properties = {name: {**nullable(part), "description": known[name]} for name, part in parts.items()}
    return {
        "$schema": DRAFT,
        "title": "mmrun experiment",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "definitions": maker.definitions,
    }


def machine_schema() -> Schema:
    """The schema of a machine file."""
    maker = Maker()
    body = maker.body(Machine, base=True)
    return {"$schema": DRAFT, "title": "mmrun machine", **body, "definitions": maker.definitions}


def nullable(part: Schema) -> Schema:
    """The schema, or null: the default."""
    return {"anyOf": [part, {"type": "null"}]}


class Maker:
    """Turns types into schemas; dataclasses become definitions. Those in `partial` may override others key by key."""

    def __init__(self, partial: tuple[type, ...] = ()) -> None:
        self.partial = partial
        self.definitions: dict[str, Schema] = {}
        self.special: dict[Any, Any] = {}

    def of(self, hint: Any, share: bool = False) -> Schema:
        """The schema of a type. `share`: a percentage will do for a size."""
        kinds = [self.one(kind, share) for kind in arms(hint)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

    def one(self, kind: Any, share: bool) -> Schema:
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        unit = quantity(kind)
        if unit:
            return self.quantity(unit, share)
        if kind in self.special:
            return self.define(kind.__name__, self.special[kind])
        if dataclasses.is_dataclass(kind):
            return self.define(typing.cast(type, kind).__name__, lambda: self.body(typing.cast(type, kind)))
        if literals(kind):
            return {"enum": list(literals(kind))}
        if origin is tuple:
            return {"type": "array", "items": self.of(args[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": nullable(self.of(args[1])), "minProperties": 1}
        return {"type": BASIC[kind]} if kind in BASIC else {}

    def define(self, name: str, make: Any) -> Schema:
        """A reference to a definition, made at its first use."""
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    def body(self, kind: type, base: bool = False, share: bool = False) -> Schema:
        """A dataclass as an object; with `base`, one that may build on another by name and then lacks nothing."""
        known, types = docs(kind), hints(kind)
        properties = {}
        for field in dataclasses.fields(kind):
            part = self.of(types[field.name], share or (kind.__name__, field.name) in SHARES)
            properties[field.name] = {**nullable(part), "description": self.describe(known, field, types)}
        schema: Schema = {"type": "object", "description": known[""], "properties": properties}
        needed = [] if kind in self.partial else required(kind)
        if base:
            named = {"anyOf": [{"enum": machine_names()}, {"type": "string"}]}
            properties["base"] = {**named, "description": "Name of the machine this one builds on."}
            schema["anyOf"] = [{"required": ["base"]}, {"required": needed}]
        elif needed:
            schema["required"] = needed
        return {**schema, "additionalProperties": False, "minProperties": 1}

    def describe(self, known: dict[str, str], field: dataclasses.Field, types: dict[str, Any]) -> str:
        """A field's documentation with its unit and default."""
        unit = next((unit for kind in arms(types[field.name]) if (unit := quantity(kind))), None)
        parts = [known.get(field.name, "")]
        if unit:
            parts.append(f"{units.NAMES[unit].capitalize()} with its unit, such as {units.EXAMPLES[unit]}.")
        default = field.default
        if default is not dataclasses.MISSING and isinstance(default, int | float | str) and default != "":
            shown = units.show(default, unit) if unit and unit != "ratio" and isinstance(default, int) else default
            parts.append(f"Default: {str(shown).lower() if isinstance(default, bool) else shown}.")
        return " ".join(part for part in parts if part)

    def quantity(self, unit: str, share: bool = False) -> Schema:
        """A number with a unit, as text; plain 0 needs none."""
        names = sorted([*units.UNITS[unit], *(["%"] if share else [])], key=len, reverse=True)
        alternatives = "|".join(names)
        pattern = rf"^\s*\+?[0-9]+(\.[0-9]+)?\s*({alternatives})\s*$"
        return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", "enum": [0]}]}

    def machine_choice(self) -> Schema:
        """A machine by name, by name with overrides, or described."""
        self.define("Machine", lambda: self.body(Machine, base=True))
        return {"anyOf": [{"enum": machine_names()}, {"type": "string"}, {"$ref": "#/definitions/Machine"}]}

    def policy(self) -> Schema:
        """A variant per axis."""
        axes = {}
        for axis, doc in registry.axes().items():
            variants = registry.variants(axis)
            alternatives: list[Schema] = [{"const": name, "description": info.doc} for name, info in variants.items()]
            full = {
                "type": "object",
                "required": ["variant"],
                "properties": {
                    "variant": {"type": "string", "description": "Name of a built-in variant, or a name for `file`."},
                    "file": {
                        "type": "string",
                        "description": "Python file of an outside variant, relative to this file.",
                    },
                },
                "additionalProperties": {"type": ["integer", "number", "string", "boolean", "null"]},
            }
            axes[axis] = {"description": doc, "anyOf": [*alternatives, full, {"type": "null"}]}
        return {"type": "object", "properties": axes, "additionalProperties": False, "minProperties": 1}

    def stream(self) -> Schema:
        """A stream: its parameters depend on its kind."""
        choices = []
        for kind in workloads.kinds():
            params = workloads.params_type(kind)
            body = self.body(params, share=True)
            body["properties"] = {"kind": {"const": kind}, **body["properties"]}
            body["required"] = ["kind", *body.get("required", [])]
            choices.append(body)
        known = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": workloads.kinds()}}}
        return {"description": docs(Stream)[""], "allOf": [known, {"oneOf": choices}]}

    def sweep(self) -> Schema:
        """The sweep grammar; values at paths are checked by `mmrun check`."""
        block = self.define("Block", self.block)
        condition = {"type": "object", "minProperties": 1}
        entry = {"type": "object", "required": ["if", "then"], "properties": {"if": condition, "then": condition}}
        return {
            "type": "object",
            "properties": {
                "product": {"anyOf": [block, {"type": "array", "items": block}], "description": "Every combination."},
                "zip": {
                    "anyOf": [block, {"type": "array", "items": block}],
                    "description": "Side by side, equal lengths.",
                },
                "union": {"type": "array", "items": block, "description": "One after the other."},
                "sample": {**self.define("Sample", self.sample), "description": "Points drawn from ranges."},
                "exclude": {"type": "array", "items": condition, "description": "Rows to drop: axis and label(s)."},
                "when": {"type": "array", "items": entry, "description": "Rows matching `if` must match `then`."},
            },
            "additionalProperties": False,
            "minProperties": 1,
        }

    def block(self) -> Schema:
        """Axes and nested operators."""
        itself = {"$ref": "#/definitions/Block"}
        paths = "|".join(SWEPT)
        levels = {"type": "object", "additionalProperties": {"type": ["object", "null"]}, "minProperties": 1}
        return {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "product": {"anyOf": [itself, {"type": "array", "items": itself}]},
                "zip": {"anyOf": [itself, {"type": "array", "items": itself}]},
                "union": {"type": "array", "items": itself},
                "sample": {"$ref": "#/definitions/Sample"},
            },
            "patternProperties": {rf"^({paths})(\.|$)": {"anyOf": [{"type": "array", "minItems": 1}, levels]}},
            "additionalProperties": {
                **levels,
                "description": "Levels by name, each what it sets: dotted path to value.",
            },
        }

    def sample(self) -> Schema:
        """A sample of the space that ranges span."""
        body = self.body(Settings)
        number = {"type": ["number", "string"]}
        bounds = {"low": number, "high": number, "scale": {"enum": ["linear", "log"]}}
        span = {"type": "object", "required": ["low", "high"], "properties": bounds, "additionalProperties": False}
        axis = {"anyOf": [span, {"type": "array", "minItems": 1}, {"type": "object"}]}
        body["properties"]["axes"] = {"type": "object", "additionalProperties": axis, "minProperties": 1}
        body["required"] = [*body["required"], "axes"]
        return body
