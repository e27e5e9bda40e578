"""Patterns of pages that are kept of a range, or pinned: `e4`, `r25`, `h256`; all, none."""

from typing import TYPE_CHECKING, Annotated

from mmrun.model.rules.bounds import Pattern

if TYPE_CHECKING:
    import numpy as np

Kept = Annotated[
    str,
    Pattern(
        r"all|none|e[1-9][0-9]{0,8}|r(100|[0-9]{1,2})|h([1-9]|[1-9][0-9]|[1-4][0-9]{2}|50[0-9]|51[0-2])",
        "`eN` every N-th page, `rP` P per cent of them at random, `hN` the first N of every 512, `all`, `none`",
    ),
]
BLOCK = 512
WORD = 0xFFFFFFFF


def kept(pattern: str, pages: int, seed: int = 1) -> "np.ndarray":
    """Which of the first `pages` pages the pattern keeps, a bool each. `seed`, not 0, is of `rP` (xorshift32)."""
    import numpy as np

    number = np.arange(pages)
    if pattern in ("all", "none"):
        return np.full(pages, pattern == "all")
    n = int(pattern[1:])
    if pattern[0] == "e":
        return number % n == 0
    if pattern[0] == "h":
        return number % BLOCK < n
    x, found = seed & WORD, np.empty(pages, dtype=bool)
    for i in range(pages):
        x ^= x << 13 & WORD
        x ^= x >> 17
        x ^= x << 5 & WORD
        found[i] = x % 100 < n
    return found
