"""Two-level designs: the search against published tables, and `factorial:` from YAML to rows."""

from itertools import combinations, product
from pathlib import Path

import pytest

from mmrun.runner.config.problems import ConfigErrors, Problems
from mmrun.runner.config.yaml_nodes import parse
from mmrun.runner.plan.aberration import FULL, Fraction, minimum_aberration, smallest
from mmrun.runner.plan.sweep import Grammar

# Words of length 3, 4, 5, ... of minimum aberration designs: Fries and Hunter 1980; Chen, Sun and Wu, A catalogue of
# two-level and three-level fractional factorial designs with small runs, Int. Statistical Review 61, 1993.
PUBLISHED = {
    (5, 16): (0, 0, 1), (6, 16): (0, 3, 0, 0), (7, 16): (0, 7, 0, 0, 0), (8, 16): (0, 14, 0, 0, 0, 1),
    (9, 16): (4, 14, 8, 0, 4, 1, 0), (7, 32): (0, 1, 2, 0, 0), (8, 32): (0, 3, 4, 0, 0, 0),
    (9, 32): (0, 6, 8, 0, 0, 1, 0), (10, 32): (0, 10, 16, 0, 0, 5, 0, 0), (8, 64): (0, 0, 2, 1, 0, 0),
    (9, 64): (0, 1, 4, 2, 0, 0, 0), (10, 64): (0, 2, 8, 4, 0, 1, 0, 0), (9, 128): (0, 0, 0, 3, 0, 0, 0),
    (10, 128): (0, 0, 3, 3, 1, 0, 0, 0), (11, 128): (0, 0, 6, 6, 2, 1, 0, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_search_finds_the_published_designs(size):
    factors, runs = size
    found = minimum_aberration(factors, runs.bit_length() - 1)
    assert found and (found.factors, found.runs) == size and found.pattern()[2:] == PUBLISHED[size]


def test_no_choice_of_generators_has_less_aberration():
    for factors, basic in ((6, 4), (7, 4), (7, 5), (6, 3)):
        columns = [column for column in range(1 << basic) if column.bit_count() > 1]
        best = min(Fraction(basic, chosen).pattern() for chosen in combinations(columns, factors - basic))
        found = minimum_aberration(factors, basic)
        assert found and found.pattern() == best


def test_a_design_is_balanced_for_every_factor_and_pair_and_starts_at_the_baseline():
    design = smallest(9, 6)
    assert (design.runs, design.resolution) == (128, 6) and set(map(len, design.words())) == {6}
    runs = [design.levels(run) for run in range(design.runs)]
    assert runs[0] == (0,) * 9 and len(set(runs)) == 128
    for several in combinations(range(9), 5):  # of resolution VI any five factors are in all combinations
        assert {tuple(run[i] for i in several) for run in runs} == set(product((0, 1), repeat=5))
    for word in design.words():
        assert {sum(run[i] for i in word) % 2 for run in runs} == {0}


@pytest.mark.parametrize(("factors", "resolution", "runs"), [(3, 3, 4), (3, 5, 8), (5, 5, 16), (8, 5, 64), (9, 5, 128)])
def test_as_few_runs_as_the_resolution_takes(factors, resolution, runs):
    found = smallest(factors, resolution)
    assert found.runs == runs and (found.resolution >= resolution or found.resolution == FULL)


def read(text):
    """Rows and design of a sweep; raises ConfigErrors."""
    problems = Problems()
    tree = parse(text.encode(), Path("s.yaml"), problems)
    grammar = Grammar(problems)
    rows = grammar.rows(tree)
    problems.raise_if_any()
    return rows, grammar.design


FIVE = "vm.swappiness: [60, 0], vm.page_cluster: [3, 0], seed: [x, y], duration: [1s, 2s], k: {out: null, in: null}"


def test_factors_are_axes_of_two_levels():
    rows, design = read("factorial: {resolution: V, factors: {" + FIVE + "}}\n")
    assert len(rows) == 16 and design and (design.resolution, design.words) == ("V", ["ABCDE"])
    assert [level.label for level in rows[0].values()] == [60, 3, "x", "1s", "out"]
    assert design.levels["vm.swappiness"] == ["60", "0"] and design.letter("seed") == "C"


def test_a_factorial_nests_in_a_product():
    rows, _ = read(
        "product: {kernel: ['3.1', '6.18'], factorial: {runs: 4, factors: {seed: [x, y], vm.swappiness: [0, 1]}}}\n"
    )
    assert len(rows) == 8 and list(rows[0]) == ["kernel", "seed", "vm.swappiness"]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("{resolution: V, runs: 8, factors: {F}}", "reach resolution III (write runs: 16, or resolution: III)"),
        ("{runs: 4, factors: {F}}", "4 runs of 5 factors are too few (write runs: 8)"),
        ("{runs: 12, factors: {F}}", "12 runs (a power of two: 8 or 16)"),
        ("{runs: 64, factors: {F}}", "64 runs of 5 factors (all combinations are 32)"),
        ("{factors: {F}}", "`resolution` or `runs` is required"),
        ("{resolution: II, factors: {F}}", "`II` is not one of III, IV"),
        ("{resolution: V}", "`factors` of the factorial is required"),
        ("{resolution: V, factors: {seed: [x, y]}}", "a factorial of 1 factors (name 2 to 12)"),
        ("{resolution: V, factors: {seed: [x, y, z], vm.swappiness: [0, 1]}}", "factor `seed` has 3 levels"),
        ("{resolution: V, factor: {F}}", "unknown key `factor`"),
        ("[1]", "`factorial` is a mapping"),
    ],
)  # fmt: skip
def test_what_is_refused_says_what_would_do(block, words):
    with pytest.raises(ConfigErrors) as error:
        read("factorial: " + block.replace("F", FIVE) + "\n")
    assert words in str(error.value)


def test_a_sweep_has_one_factorial():
    one = "{factorial: {runs: 4, factors: {seed: [x, y], vm.swappiness: [0, 1]}}}"
    with pytest.raises(ConfigErrors, match="second `factorial`"):
        read(f"union: [{one}, {one}]\n")
