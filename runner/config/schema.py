"""JSON Schema (draft-07) of experiment and machine files: Pydantic makes it of the schemas that it judges values by.

So ranges, choices and kinds come from the types. Added is what files have beyond types: quantities are text with units,
null stands for the default, what a field means is said. The schema is for editors: it completes names and catches slips
while typing. `mmrun check` also knows which values go together.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from mmrun.model import eras, registry, workloads
from mmrun.model.description import Cell, Machine, Stream
from mmrun.model.rules.record import kinds
from mmrun.runner.config import units
from mmrun.runner.config.experiment import File, Replicates
from mmrun.runner.config.facts import DATED, described, facts, limits
from mmrun.runner.config.fields import SHARES, docs, hints
from mmrun.runner.config.library import machine_names
from mmrun.runner.config.validators import schema_of
from mmrun.runner.plan.axes import SWEPT
from mmrun.runner.plan.factorial import Design
from mmrun.runner.plan.sampling import Settings
from mmrun.runner.report.report_block import ReportBlock
from mmrun.runner.sense.block import Morris, Sobol

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]


def experiment_schema() -> Schema:
    """The schema of an experiment file."""
    maker, known, cell = Maker(partial=True), docs(File), hints(Cell)
    parts: dict[str, Schema] = {
        "experiment": maker.of(hints(File)["experiment"]),
        "description": {"type": "string"},
        "include": {"type": "array", "items": {"type": "string"}},
        "kernel": {"type": "string", "enum": list(eras.names())},
        "machine": maker.machine_choice(),
        "policy": maker.policy(),
        **{
            name: maker.of(cell[name])
            for name in ("vm", "cgroups", "cgroup_version", "slab", "tasks", "timeline", "sampling", "duration")
        },
        "seed": {"type": ["string", "integer"]},
        "replicates": {"anyOf": [maker.of(hints(Replicates)["min"]), maker.of(Replicates)]},
        "sweep": maker.sweep(),
        "sense": maker.sense(),
        "report": maker.of(ReportBlock),
    }
    properties = {name: {**nullable(part), "description": known[name]} for name, part in parts.items()}
    return {
        "$schema": DRAFT,
        "title": "mmrun experiment",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "definitions": maker.made,
    }


def machine_schema() -> Schema:
    """The schema of a machine file."""
    maker = Maker()
    body = maker.based()
    return {"$schema": DRAFT, "title": "mmrun machine", **body, "definitions": maker.made}


def nullable(part: Schema) -> Schema:
    """The schema, or null: the default."""
    return {"anyOf": [part, {"type": "null"}]}


def quantity(unit: str, share: bool, zero: bool) -> Schema:
    """A number with a unit, as text; where `zero` is possible, plain 0 too. `share`: a percentage will do."""
    names = sorted([*units.UNITS[unit], *(["%"] if share else [])], key=len, reverse=True)
    pattern = rf"\s*\+?[0-9]+(\.[0-9]+)?\s*({'|'.join(names)})\s*$"
    if not zero:
        return {"type": "string", "pattern": f"^(?=[^1-9]*[1-9]){pattern}"}
    return {"anyOf": [{"type": "string", "pattern": f"^{pattern}"}, {"type": "number", "enum": [0]}]}


class Maker(GenerateJsonSchema):
    """Pydantic's generator; records become definitions. `partial`: disks and the like may override others in parts."""

    def __init__(self, partial: bool = False) -> None:
        super().__init__()
        self.partial, self.share = partial, False
        self.made: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        """The schema of a type."""
        return self.generate_inner(schema_of(hint))

    def define(self, name: str, make: Any) -> Schema:
        """A reference to a definition, made at its first use."""
        if name not in self.made:
            self.made[name] = {}
            self.made[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    def dataclass_schema(self, schema: Any) -> Schema:
        """A record, by reference; what a stream is depends on its kind."""
        kind = schema["metadata"]["record"]
        return self.define(kind.__name__, self.stream if kind is Stream else lambda: self.body(kind, schema))

    def body(self, kind: type, schema: Any = None) -> Schema:
        """A record as an object."""
        inner = schema or schema_of(kind)
        inner = inner.get("schema", inner) if inner["type"] == "function-after" else inner
        made = super().generate_inner(inner["schema"])
        return {
            "type": "object", "description": docs(kind)[""], "properties": made["properties"],
            **({"required": made["required"]} if made.get("required") else {}),
            "additionalProperties": False, "minProperties": 1,
        }  # fmt: skip

    def dataclass_field_schema(self, schema: Any) -> Schema:
        """A field of a record: its type or null, and what it means."""
        kind, name = schema["metadata"]["record"], schema["metadata"]["field"].name
        before = self.share
        self.share |= (kind.__name__, name) in SHARES
        made = super().dataclass_field_schema(schema)
        self.share = before
        if (kind, name) in DATED:
            (widest,) = limits(kind, name)
            made = {**made, "minimum": widest.least, "maximum": widest.most}
        return {**nullable(made), "description": described(kind, name)}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Names say enough."""
        return False

    def nullable_schema(self, schema: Any) -> Schema:
        """Null is possible everywhere."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> Schema:
        """The default stands in the description, with its unit."""
        return self.generate_inner(schema["schema"])

    def int_schema(self, schema: Any) -> Schema:
        """A whole number, or a quantity."""
        unit = schema.get("metadata", {}).get("unit")
        return quantity(unit, self.share, not schema.get("ge")) if unit else super().int_schema(schema)

    def float_schema(self, schema: Any) -> Schema:
        """A number, or a percentage."""
        unit = schema.get("metadata", {}).get("unit")
        return quantity(unit, self.share, "gt" not in schema) if unit else super().float_schema(schema)

    def literal_schema(self, schema: Any) -> Schema:
        """One of some words."""
        return {"enum": schema["expected"]}

    def dict_schema(self, schema: Any) -> Schema:
        """Things by name; null takes one away."""
        names = self.generate_inner(schema["keys_schema"])
        values = nullable(self.generate_inner(schema["values_schema"]))
        most = {"maxProperties": schema["max_length"]} if "max_length" in schema else {}
        named = {"propertyNames": names} if "pattern" in names else {}
        return {"type": "object", **named, "additionalProperties": values, "minProperties": 1, **most}

    def tagged_union_schema(self, schema: Any) -> Schema:
        """One of several kinds, told apart by name; without one it is the usual kind, or overrides another."""
        family = schema["metadata"]["family"]
        return self.define(family.__name__, lambda: self.family(family))

    def family(self, family: Any) -> Schema:
        """The kinds of a family."""
        known, parts = kinds(family), []
        every: Schema = {}
        for name, kind in known.items():
            body = self.body(kind)
            every |= body["properties"]
            body["properties"] = {
                "kind": {"const": name, "description": facts(family, "kind").doc},
                **{key: part for key, part in body["properties"].items() if key != "kind"},
            }
            usual = name == family.usual and not self.partial
            required = body.pop("required", []) if not self.partial else []
            body.pop("required", None)
            parts.append({**body, "required": [*([] if usual else ["kind"]), *required]})
        if self.partial:
            every = {key: part for key, part in every.items() if key != "kind"}
            parts.append({"type": "object", "properties": every, "additionalProperties": False, "minProperties": 1})
        return {"description": docs(family)[""], "oneOf": parts}

    def stream(self) -> Schema:
        """A stream: its parameters depend on its kind."""
        before, self.share = self.share, True
        choices = []
        for kind in workloads.kinds():
            body = self.body(workloads.params_type(kind))
            body["properties"] = {"kind": {"const": kind}, **body["properties"]}
            body["required"] = ["kind", *body.get("required", [])]
            choices.append(body)
        self.share = before
        known = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": workloads.kinds()}}}
        return {"description": docs(Stream)[""], "allOf": [known, {"oneOf": choices}]}

    def based(self) -> Schema:
        """A machine, which may build on another by name and then lacks nothing."""
        schema = self.body(Machine)
        named = {"anyOf": [{"enum": machine_names()}, {"type": "string"}]}
        schema["properties"]["base"] = {**named, "description": "Name of the machine this one builds on."}
        schema["anyOf"] = [{"required": ["base"]}, {"required": schema.pop("required")}]
        return schema

    def machine_choice(self) -> Schema:
        """A machine by name, by name with overrides, or described."""
        self.define("Machine", self.based)
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
                "factorial": {**self.define("Factorial", self.factorial), "description": "A two-level design."},
                "exclude": {"type": "array", "items": condition, "description": "Rows to drop: axis and label(s)."},
                "when": {"type": "array", "items": entry, "description": "Rows matching `if` must match `then`."},
            },
            "additionalProperties": False,
            "minProperties": 1,
        }

    def span(self) -> Schema:
        """A range of numbers."""
        number = {"type": ["number", "string"]}
        bounds = {"low": number, "high": number, "scale": {"enum": ["linear", "log"]}}
        return {"type": "object", "required": ["low", "high"], "properties": bounds, "additionalProperties": False}

    def sense(self) -> Schema:
        """What a sensitivity analysis takes."""
        side = {"type": "object", "minProperties": 1}
        sides = {"metric": {"type": "string"}, "of": side, "over": side}
        ratio = {"type": "object", "required": list(sides), "properties": sides, "additionalProperties": False}
        properties = {
            "metric": {"anyOf": [{"type": "string"}, ratio], "description": "A metric, or its ratio of two sides."},
            "cell": {"type": "object", "description": "Axis and label of the sweep's row, or path and value."},
            "parameters": {"type": "object", "additionalProperties": self.span(), "minProperties": 1},
            "morris": self.of(Morris),
            "sobol": self.of(Sobol),
        }
        required = ["metric", "parameters"]
        return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}

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
                "factorial": {"$ref": "#/definitions/Factorial"},
            },
            "patternProperties": {rf"^({paths})(\.|$)": {"anyOf": [{"type": "array", "minItems": 1}, levels]}},
            "additionalProperties": {
                **levels,
                "description": "Levels by name, each what it sets: dotted path to value.",
            },
        }

    def factorial(self) -> Schema:
        """A fraction of the combinations of factors of two levels."""
        body = self.body(Design)
        levels = {"anyOf": [{"type": "array", "minItems": 2, "maxItems": 2}, {"type": "object"}]}
        body["properties"]["factors"] = {
            "type": "object", "additionalProperties": levels, "minProperties": 2,
            "description": "Axes of two levels each, the baseline first.",
        }  # fmt: skip
        body["required"] = ["factors"]
        return body

    def sample(self) -> Schema:
        """A sample of the space that ranges span."""
        body = self.body(Settings)
        axis = {"anyOf": [self.span(), {"type": "array", "minItems": 1}, {"type": "object"}]}
        body["properties"]["axes"] = {"type": "object", "additionalProperties": axis, "minProperties": 1}
        body["required"] = [*body["required"], "axes"]
        return body
