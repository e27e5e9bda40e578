"""Generator parameters given on the command line: NAME=VALUE with units, by the types of the generator's dataclass."""

from typing import Any

from mmrun.model.rules.bounds import bare
from mmrun.model.workloads import params_type
from mmrun.runner.config import fields, units


def parse_params(kind: str, words: list[str]) -> dict[str, Any]:
    """The values of `words` (`size=64MiB`, `write_fraction=20%`). Raises ValueError naming the word that is wrong."""
    types = fields.hints(params_type(kind))
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in types:
            raise ValueError(f"`{word}`: expected NAME=VALUE with NAME one of {', '.join(types)}")
        if name in values:
            raise ValueError(f"parameter {name} is given twice")
        values[name] = _parse(types[name], name, text)
    missing = [name for name in fields.required(params_type(kind)) if name not in values]
    if missing:
        raise ValueError(f"workload {kind!r} needs {', '.join(missing)}: give --param {missing[0]}=VALUE")
    return values


def _parse(hint: Any, name: str, text: str) -> Any:
    unit, kind = fields.quantity(hint), bare(hint)
    if unit is not None:
        try:
            return units.parse(text, unit)
        except units.UnitError as error:
            raise ValueError(f"{name}: {error} ({error.fix})") from error
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{name}: expected true or false, not {text!r}")
        return text == "true"
    if fields.literals(kind):
        return text
    try:
        if kind is float and text.endswith("%"):
            return float(units.parse_exact(text, "ratio"))
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not {'a number' if kind is float else 'a whole number'}") from None
