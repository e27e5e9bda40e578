"""Laws of conservation: plain numpy over whole tables, so that they share no code with the kernels they check."""

from collections.abc import Callable, Iterator

import numpy as np

from mmrun.model.core.record import NONE


class Violation(AssertionError):
    """A conservation law does not hold; the message names it."""


def require(holds: bool | np.bool_, message: Callable[..., str]) -> None:
    """Violation with the message unless it holds."""
    if not holds:
        raise Violation(message())


def chain(frames: np.ndarray, head: int, limit: int) -> list[int]:
    """The rows of a list through `next`, from its head on; Violation for one longer than it counts."""
    found = list[int]()
    following = frames["next"].view(np.ndarray).item  # a record array looks names up at every step
    while head != NONE:
        if len(found) == limit:
            raise Violation(f"a list that counts {limit} goes on at frame {head}")
        found.append(head)
        head = following(head)
    return found


def occupied(lists: np.ndarray, counter: str = "n") -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Index, head and count of every list of an array that holds something, or says so; most lists are empty."""
    heads, counts = lists["head"], lists[counter]
    for at in np.argwhere((heads != NONE) | (counts != 0)).tolist():
        yield tuple(at), int(heads[tuple(at)]), int(counts[tuple(at)])
