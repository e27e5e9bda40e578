"""Yardsticks: replacement policies of the textbook, run on page numbers and nothing else.

They bound what a kernel's reclaim could do with the same frames: OPT from below, random from above, exact LRU and CLOCK
as what the kernel's two lists approximate. No zones, watermarks, daemons or costs; a page is resident or it is not.
Pages are numbered densely from 0 (tasks one after another); memory is demand-paged, so a touched page always enters.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mmrun.model.yardstick.result import Result

if TYPE_CHECKING:
    import numpy as np

    from mmrun.model.yardstick.base import Yardstick

    Chunks = Iterable[np.ndarray | tuple[np.ndarray, np.ndarray]]

TOLD = (
    "accesses", "misses", "minor_faults", "first_touches", "major_faults", "pgmajfault", "writebacks_pages",
)  # fmt: skip
NAMES = ("exact-lru", "clock", "random", "opt")


def make(name: str, capacity: int, rng: "np.random.Generator | None" = None) -> "Yardstick":
    """The policy `name` over `capacity` empty frames; `random` needs `rng`. ValueError for any other name or size."""
    if name == "exact-lru":
        from mmrun.model.yardstick.exact_lru import ExactLRU

        return ExactLRU(capacity)
    if name == "clock":
        from mmrun.model.yardstick.clock import Clock

        return Clock(capacity)
    if name == "random":
        from mmrun.model.yardstick.random_choice import RandomChoice

        if rng is None:
            raise ValueError("the yardstick random needs a random generator")
        return RandomChoice(capacity, rng)
    if name == "opt":
        from mmrun.model.yardstick.opt import Opt

        return Opt(capacity)
    raise ValueError(f"no yardstick is called {name!r}; there are {', '.join(NAMES)}")


def run(
    name: str,
    stream: "np.ndarray | tuple[np.ndarray, np.ndarray] | Chunks",
    capacity: int,
    rng: "np.random.Generator | None" = None,
    record: bool = False,
) -> Result:
    """What policy `name` does with `capacity` frames on a whole stream.

    `stream` is an array of page numbers, a pair (pages, write flags), or an iterable of chunks of either kind.
    `record` keeps one bit an access in `Result.miss_bits`; ValueError for a negative page.
    """
    import numpy as np

    policy = make(name, capacity, rng)
    bits = []
    for page, write in pairs(stream):
        missed = policy.feed(page, write, record=record)
        if missed is not None:
            bits.append(missed)
    result = policy.result()
    if record:
        result.miss_bits = np.concatenate(bits) if bits else np.zeros(0, dtype=np.bool_)
    return result


def pairs(stream: "np.ndarray | tuple | Chunks") -> "Iterator[tuple[np.ndarray, np.ndarray | None]]":
    """The stream as chunks of (pages, write flags or None)."""
    import numpy as np

    whole = isinstance(stream, np.ndarray) or (isinstance(stream, tuple) and len(stream) == 2)
    for chunk in [stream] if whole else stream:
        yield chunk if isinstance(chunk, tuple) else (chunk, None)


def miss_ratio_curve(
    name: str, page: "np.ndarray", capacities: Iterable[int], rng: "np.random.Generator | None" = None
) -> "np.ndarray":
    """Misses over accesses of policy `name` on the array `page`, one value a capacity."""
    import numpy as np

    results = [run(name, page, capacity, rng) for capacity in capacities]
    return np.array([result.miss_ratio for result in results])
