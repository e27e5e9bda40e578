"""What an unquoted word in YAML means, strictly: what YAML 1.1 would quietly turn into something else is an error.

Whole numbers, decimal fractions, `true`, `false` and `null` have one reading; other words are text. Spellings on which
YAML versions and readers differ (`no`, `010`, `1:30`, `1_000`, `1e3`, `.5`, dates) are refused with what to write.
"""

import re
from dataclasses import dataclass


class Refused:
    """The value of a scalar that was refused: the error is noted already, readers pass over it."""


REFUSED = Refused()
Value = str | int | float | bool | None | Refused

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+][0-9]+)?")
MAX_DIGITS = 18
LONGEST = f"the limit is {MAX_DIGITS} digits"
MOST_TRAPPED = 100  # characters of what looks like a number


@dataclass(frozen=True, slots=True)
class Trap:
    """An unquoted word that is refused: why, and what to write."""

    message: str
    fix: str


def octal(text: str) -> Trap:
    """`010`: eight for YAML 1.1, ten for YAML 1.2."""
    decimal = text.lstrip("+-0") or "0"
    return Trap(f"`{text}` has a leading zero, which YAML 1.1 reads as octal", f'write {decimal}, or "{text}" for text')


def leading_zero(text: str) -> Trap:
    """`01.5`: a number for YAML 1.1, text for YAML 1.2."""
    sign, digits = ("-" if text[0] == "-" else ""), text.lstrip("+-0")
    full = sign + ("0" if digits[0] == "." else "") + digits + ("0" if digits[-1] == "." else "")
    fix = f'write {full}, or "{text}" for text'
    return Trap(f"`{text}` has a leading zero, which YAML versions read differently", fix)


def sexagesimal(text: str) -> Trap:
    """`1:30`: ninety for YAML 1.1."""
    return Trap(f"`{text}` is a base-60 number in YAML 1.1", f'write a quantity such as 90s, or "{text}" for text')


def underscores(text: str) -> Trap:
    """`1_000`, `0._5`: a number for YAML 1.1, text for YAML 1.2."""
    digits = text.replace("_", "")
    full = bare_point(digits).fix.removeprefix("write ") if digits[0] == "." or digits[-1] == "." else digits
    return Trap(f"`{text}` has underscores, which YAML versions read differently", f"write {full}")


def based(text: str) -> Trap:
    """`0x1F`, `0o17`, `0b1`."""
    digits = text.lower().replace("_", "").lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}[digits[:2]]
    return Trap(f"`{text}` is not a decimal number", f"write {int(digits[2:], base)}")


def exponent(text: str) -> Trap:
    """`1e3`: text for YAML 1.1, a number for YAML 1.2."""
    mantissa, _, power = text.lower().partition("e")
    whole = mantissa.rstrip(".") + ".0" if "." not in mantissa.rstrip(".") else mantissa
    signed = power if power[:1] in ("+", "-") else "+" + power
    return Trap(f"`{text}` is text in YAML 1.1 and a number in YAML 1.2", f"write it out, or as {whole}e{signed}")


def bare_point(text: str) -> Trap:
    """`.5` and `5.`."""
    full = ("0" + text if text.startswith(".") else text) + ("0" if text.endswith(".") else "")
    return Trap(f"`{text}` lacks digits beside its point", f"write {full}")


def date(text: str) -> Trap:
    """`2011-10-23`: a timestamp for YAML 1.1."""
    return Trap(f"`{text}` is a date in YAML 1.1", f'write "{text}"')


def not_finite(text: str) -> Trap:
    """`.inf` and `.nan`."""
    return Trap(f"`{text}` is not a finite number", "write a finite number, or leave the key out")


def truth(text: str) -> Trap:
    """`no`, `on` and their like."""
    meant = "true" if text.lower() in ("yes", "on", "true") else "false"
    return Trap(f"`{text}` is a truth value in YAML 1.1 and text elsewhere", f'write {meant}, or "{text}" for text')


def nothing(text: str) -> Trap:
    """`Null`, `NULL`."""
    return Trap(f"`{text}` is an odd spelling of null", f'write null, or "{text}" for text')


TRAPS = (
    (re.compile(r"(?i:yes|no|on|off|true|false)"), truth),
    (re.compile(r"(?i:null)"), nothing),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*|[-+]?0o[0-7]+|[-+]?0b[01_]*[01][01_]*"), based),
    (re.compile(r"[-+]?0[0-9]+"), octal),
    (re.compile(r"[-+]?0[0-9]+\.[0-9]*"), leading_zero),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), sexagesimal),
    (re.compile(r"[-+]?(?=[^_]*_)([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"), underscores),
    (re.compile(r"[-+]?[0-9]+\.?[0-9]*[eE][-+]?[0-9]+|[-+]?\.[0-9]+[eE][-+]?[0-9]+"), exponent),
    (re.compile(r"[-+]?\.[0-9]+|[-+]?[0-9]+\."), bare_point),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"), date),
    (re.compile(r"[-+]?\.(?i:inf|nan)"), not_finite),
)


def plain(text: str) -> Value | Trap:
    """The value of an unquoted, non-empty scalar, or the reason why it is refused."""
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", "~"):
        return None
    if INTEGER.fullmatch(text):
        too_long = len(text.lstrip("+-")) > MAX_DIGITS
        return Trap(f"`{text[:24]}` is too large a number", LONGEST) if too_long else int(text)
    if DECIMAL.fullmatch(text):
        if len(text) > MOST_TRAPPED:
            return Trap(f"`{text[:24]}...` is too long a number", LONGEST)
        value = float(text)
        return not_finite(text) if value in (float("inf"), float("-inf")) else value
    for pattern, trap in TRAPS:
        if pattern.fullmatch(text):
            return trap(text) if len(text) <= MOST_TRAPPED else Trap(f"`{text[:24]}...` is too long a number", LONGEST)
    return text
