"""Regular two-level fractions of minimum aberration, found by search over generator words.

A design of 2^k runs has k basic factors, of which all combinations are run; each further factor is the product of some
of them, its generator, here a bit mask over the basic ones. Factors whose product is the same in every run make a word:
what the product of a part of a word does cannot be told from what the rest does. The shortest word is the resolution.
Of two designs the one with fewer words of the first length in which they differ has less aberration (Fries and Hunter,
Technometrics 22, 1980).
"""

from collections.abc import Iterator
from itertools import product

from mmrun.model.core.frozen import frozen

MOST_FACTORS = 12  # up to which the search looks at all designs, in a few seconds at most
FULL = 0  # the resolution of a design without words: every combination is run
Words = list[tuple[int, int]]


@frozen
class Fraction:
    """A design: `basic` factors, then one for each of `generators`. Runs are numbered by the bits of the basic ones."""

    basic: int
    generators: tuple[int, ...]

    @property
    def factors(self) -> int:
        """Number of factors."""
        return self.basic + len(self.generators)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return 1 << self.basic

    def levels(self, run: int) -> tuple[int, ...]:
        """The level (0 or 1) of every factor in a run; all 0 in the first one."""
        columns = [*(1 << i for i in range(self.basic)), *self.generators]
        return tuple((run & column).bit_count() & 1 for column in columns)

    def words(self) -> list[tuple[int, ...]]:
        """The words as factors by number, shortest first."""
        found = []
        for chosen, column in words_of(self.generators)[1:]:
            members = [i for i in range(self.basic) if column >> i & 1]
            members += [self.basic + j for j in range(len(self.generators)) if chosen >> j & 1]
            found.append(tuple(members))
        return sorted(found, key=lambda word: (len(word), word))

    def pattern(self) -> tuple[int, ...]:
        """Number of words by length, from 1 on."""
        return pattern_of(words_of(self.generators), self.factors)

    @property
    def resolution(self) -> int:
        """Length of the shortest word, or `FULL`."""
        return next((length for length, count in enumerate(self.pattern(), 1) if count), FULL)


def smallest(factors: int, resolution: int) -> Fraction:
    """The design of fewest runs that has at least this resolution."""
    for basic in range(1, factors):
        found = minimum_aberration(factors, basic)
        if found is not None and found.resolution >= resolution:
            return found
    return Fraction(factors, ())


def minimum_aberration(factors: int, basic: int) -> Fraction | None:
    """The design of 2^basic runs with the least aberration; None where so many factors do not fit.

    Every design is, but for the names of its factors, one whose generators do not grow and take the first basic factors
    of those that no generator before has told apart. Only these are looked at, and none whose words are already worse.
    """
    added = factors - basic
    if added <= 0:
        return Fraction(factors, ())
    if factors >= 1 << basic:
        return None
    best: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    seen: set[frozenset[int]] = set()

    def extend(chosen: tuple[int, ...], words: Words, cells: list[list[int]]) -> None:
        nonlocal best
        pattern = pattern_of(words, factors)
        if best is not None and pattern >= best[0]:
            return
        if len(chosen) == added:
            best = pattern, chosen
            return
        for column in candidates(cells, chosen[-1].bit_count() if chosen else basic):
            together = frozenset((*chosen, column))
            if column not in chosen and together not in seen:
                seen.add(together)
                more = [(each | 1 << len(chosen), have ^ column) for each, have in words]
                extend((*chosen, column), words + more, split(cells, column))

    extend((), [(0, 0)], [list(range(basic))])
    return None if best is None else Fraction(basic, best[1])


def candidates(cells: list[list[int]], most: int) -> Iterator[int]:
    """Columns of two to `most` basic factors that take the first ones of each cell, the longest first."""
    found = []
    for counts in product(*(range(len(cell) + 1) for cell in cells)):
        if 2 <= sum(counts) <= most:
            found.append(sum(1 << i for cell, n in zip(cells, counts, strict=True) for i in cell[:n]))
    return iter(sorted(found, key=lambda column: (-column.bit_count(), column)))


def split(cells: list[list[int]], column: int) -> list[list[int]]:
    """The cells after a generator has told its factors from the others."""
    parts = ([i for i in cell if (column >> i & 1) == side] for cell in cells for side in (1, 0))
    return [part for part in parts if part]


def words_of(generators: tuple[int, ...]) -> Words:
    """Every product of generators: which of them, and the basic factors in it; the first is the empty one."""
    words = [(0, 0)]
    for j, column in enumerate(generators):
        words += [(each | 1 << j, have ^ column) for each, have in words]
    return words


def pattern_of(words: Words, factors: int) -> tuple[int, ...]:
    """Number of words by length, from 1 to `factors`; the empty one is none."""
    counts = [0] * factors
    for chosen, column in words[1:]:
        counts[chosen.bit_count() + column.bit_count() - 1] += 1
    return tuple(counts)
