"""Quantities as text: sizes, times, rates and percentages, read and printed exactly with integer arithmetic.

A quantity is a decimal number and a unit (`4GiB`, `1.5 ms`, `10Gbit/s`, `25%`). It must come out as a whole number of
the base unit (bytes, ns, bytes/s); a number without a unit is an error unless it is 0.
"""

import re
from fractions import Fraction

from mmrun.model.rules.quantity import UNITS
from mmrun.model.rules.quantity import show as show
from mmrun.model.rules.words import named as name

NUMBER = re.compile(r"\s*([-+]?)([0-9]+(?:\.[0-9]+)?)\s*(.*?)\s*", re.DOTALL)
LIMIT = 1 << 62
MAX_LENGTH = 64

EXAMPLES = {
    "bytes": "64KiB, 512MiB, 4GiB", "ns": "100ns, 20us, 5ms, 2s, 10min", "bytes/s": "10Gbit/s, 2GB/s, 500MB/s",
    "ratio": "2%, 12.5%",
}  # fmt: skip
WORDS = {
    "sec": "s", "second": "s", "minute": "min", "m": "ms or min", "hour": "h", "hr": "h", "u": "us", "n": "ns",
    "msec": "ms", "usec": "us", "nsec": "ns", "milli": "ms", "d": "h",
}  # fmt: skip
NAMES = {"bytes": "a size", "ns": "a time", "bytes/s": "a rate", "ratio": "a percentage"}


class UnitError(ValueError):
    """A quantity that cannot be read; the text says why, `fix` what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def parse(value: object, unit: str) -> int:
    """The whole number of `unit` (bytes, ns, bytes/s) that `value` stands for; `UnitError` says what is wrong."""
    exact = parse_exact(value, unit)
    if exact.denominator != 1:
        raise UnitError(f"`{value}` is not a whole number of {unit}", f"round it; examples: {EXAMPLES[unit]}")
    if exact >= LIMIT:
        raise UnitError(f"`{value}` is too large", f"the limit is below {show(LIMIT, unit)}")
    return int(exact)


def parse_exact(value: object, unit: str) -> Fraction:
    """The same as an exact fraction; for `ratio`, `25%` is 1/4."""
    examples = f"examples: {EXAMPLES[unit]}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnitError(f"{NAMES[unit]} is expected, found {name(value)}", examples)
    if not isinstance(value, str):
        if value == 0:
            return Fraction(0)
        raise UnitError(f"`{value}` has no unit: {NAMES[unit]} is expected", examples)
    match = NUMBER.fullmatch(value) if len(value) <= MAX_LENGTH else None
    if match is None:
        raise UnitError(f"`{value[:MAX_LENGTH]}` is not {NAMES[unit]}", examples)
    sign, digits, suffix = match.groups()
    if sign == "-" and Fraction(digits) != 0:
        raise UnitError(f"`{value}` is negative", examples)
    factor = UNITS[unit].get(suffix)
    if factor is None:
        raise wrong_unit(value, suffix, unit)
    return Fraction(digits) * factor


def wrong_unit(value: str, suffix: str, unit: str) -> UnitError:
    """The error for an unknown or missing unit, with the unit probably meant."""
    if suffix == "":
        return UnitError(f"`{value}` has no unit: {NAMES[unit]} is expected", f"examples: {EXAMPLES[unit]}")
    for other, table in UNITS.items():
        if other != unit and suffix in table:
            return UnitError(f"`{value}` is {NAMES[other]}, {NAMES[unit]} is expected", f"examples: {EXAMPLES[unit]}")
    near = similar(suffix, unit)
    fix = f"did you mean {near}?" if near else f"units: {', '.join(UNITS[unit])}"
    return UnitError(f"`{value}`: unknown unit `{suffix}` for {NAMES[unit]}", fix)


def similar(suffix: str, unit: str) -> str:
    """Units that the given one may stand for: other case, single letters, `Gbps`."""
    key = suffix.lower().removesuffix("ps").removesuffix("/s").removesuffix("/sec").rstrip("s")
    if unit == "bytes/s":
        long = f"{suffix[:1].lower() if suffix[:1] in 'kK' else suffix[:1].upper()}"
        return f"{long}bit/s or {long}B/s" if long in ("k", "M", "G", "T") else ""
    if unit == "bytes" and key[:1] in tuple("kmgtp"):
        prefix = key[0].upper()
        return f"{prefix}iB ({1 << 10}-based) or {'k' if prefix == 'K' else prefix}B (1000-based)"
    if unit == "ns":
        return WORDS.get(key, "")
    return ""


def percent_of(text: str, whole: int, step: int) -> int:
    """`text` percent of `whole`, rounded down to a multiple of `step`; `UnitError` outside 0-100 %."""
    share = parse_exact(text, "ratio")
    if share > 1:
        raise UnitError(f"`{text}` is more than the whole", "a percentage up to 100%")
    return int(share * whole) // step * step
