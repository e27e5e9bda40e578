"""How quantities are written: units of sizes, times, rates and percentages, and the shortest exact text of a value."""

from collections.abc import Mapping
from fractions import Fraction

SIZES = {
    **{unit: Fraction(1 << (10 * power)) for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))},
    **{unit: Fraction(1000**power) for power, unit in enumerate(("kB", "MB", "GB", "TB", "PB"), start=1)},
}
TIMES = {
    "ns": Fraction(1), "us": Fraction(10**3), "µs": Fraction(10**3), "ms": Fraction(10**6), "s": Fraction(10**9),
    "min": Fraction(60 * 10**9), "h": Fraction(3600 * 10**9),
}  # fmt: skip
RATES = {
    **{f"{unit}/s": factor for unit, factor in SIZES.items()},
    **{f"{prefix}bit/s": Fraction(1000**power, 8) for power, prefix in enumerate(("", "k", "M", "G", "T"))},
}
UNITS: dict[str, Mapping[str, Fraction]] = {
    "bytes": SIZES,
    "ns": TIMES,
    "bytes/s": RATES,
    "ratio": {"%": Fraction(1, 100)},
}


def show(value: int, unit: str) -> str:
    """The shortest exact spelling of `value` base units: 4294967296 bytes is `4GiB`, 1250000000 bytes/s `10Gbit/s`."""
    best = f"{value}{next(iter(UNITS[unit]))}"
    if value == 0:
        return best
    for suffix, factor in UNITS[unit].items():
        scaled = Fraction(value) / factor
        text = f"{scaled.numerator}{suffix}"
        if suffix != "µs" and scaled.denominator == 1 and mantissa(text) < mantissa(best):
            best = text
    return best


def mantissa(text: str) -> int:
    """How many digits a quantity begins with."""
    return len(text) - len(text.lstrip("0123456789"))
