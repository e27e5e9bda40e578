"""The Linux Test Project's tests of placement, swapping, min_free_kbytes and running out of memory."""

from pathlib import Path

import pytest

import mmrun

PLAN = mmrun.plan(Path(__file__).parent / "ltp.yaml")
every_kernel = pytest.mark.parametrize("kernel", PLAN.axes["kernel"])
PLACED = {
    "interleave-two": [8, 8, 0, 0], "interleave-all": [2, 2, 2, 2], "bind": [0, 0, 16, 0], "preferred": [0, 0, 0, 16],
    "local": [0, 256, 0, 0],
}  # fmt: skip


@every_kernel
@pytest.mark.parametrize("backing", ["anon", "file"])
@pytest.mark.parametrize("case", PLACED)
def test_pages_are_where_the_policy_says(kernel, case, backing):
    """set_mempolicy01 to 04, numa01; page tables and page-cache nodes lie on the same nodes, a few of them."""
    found = mmrun.run(PLAN, {"kernel": kernel, "case": case, "backing": backing})
    more = [found[f"node{i}.numa_hit"] + found[f"node{i}.numa_miss"] - pages for i, pages in enumerate(PLACED[case])]
    assert all(0 <= n <= (6 if pages else 0) for n, pages in zip(more, PLACED[case], strict=True)) and sum(more) <= 8


@every_kernel
def test_no_more_is_swapped_than_is_too_much(kernel):
    """swapping01: 1.25 times memory; at most half of what fits is out (the test allows 32768 pages)."""
    found = mmrun.run(PLAN, {"kernel": kernel, "case": "swapping"})
    assert found["outcome"] == "ok" and 0 < found["nr_swap_used"] <= 32768


@every_kernel
@pytest.mark.parametrize(("case", "kib"), [("min-free", 1448), ("min-free-doubled", 2896)])
def test_min_free_kbytes_stays_free_until_somebody_is_killed(kernel, case, kib):
    found = mmrun.run(PLAN, {"kernel": kernel, "case": case})
    assert found["outcome"] == "oom" and found["oom_kill"] == 1
    assert found.series["nr_free_pages"].min() >= 0.9 * kib / 4


@every_kernel
@pytest.mark.parametrize(("case", "outcome"), [("oom-bind", "oom"), ("oom-preferred", "ok")])
def test_who_is_bound_to_a_node_is_killed_when_that_is_full(kernel, case, outcome):
    """oom02, oom03."""
    assert mmrun.run(PLAN, {"kernel": kernel, "case": case})["outcome"] == outcome
