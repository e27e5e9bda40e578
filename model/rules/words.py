"""Words of messages: what a value is called, which known name was probably meant."""

import difflib
from collections.abc import Iterable


def named(value: object) -> str:
    """What a value is, in the words of YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = str(value)
    return f"`{text[:60]}{'...' if len(text) > 60 else ''}`"


def suggest(name: str, known: Iterable[str]) -> str:
    """The fix for an unknown name: the nearest known ones, or the whole list when it is short."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    lower = {candidate.lower().replace("-", "_"): candidate for candidate in names}
    same = lower.get(name.lower().replace("-", "_"))
    if same and same not in near:
        near.insert(0, same)
    if near:
        return "did you mean " + " or ".join(f"`{candidate}`" for candidate in near[:2]) + "?"
    if not names:
        return "nothing is defined here"
    shown = names if len(names) <= 24 else [*names[:24], "..."]
    return "known: " + ", ".join(shown)
