"""Linux's selftests of kernel memory in groups, and of compressed swap under a limit."""

from pathlib import Path

import pytest

import mmrun

PLAN = mmrun.plan(Path(__file__).parent / "kmem.yaml")
every_kernel = pytest.mark.parametrize("kernel", PLAN.axes["kernel"])


@every_kernel
def test_memory_high_shrinks_the_dentries_of_a_group(kernel):
    """test_kmem_basic: more than 1 MiB of them, less than half of it once memory.high is 1 MiB."""
    free, high = (
        mmrun.run(PLAN, {"kernel": kernel, "case": case})["cgroup.g.kmem_pages"] for case in ("unlimited", "high")
    )
    assert free >= 256 and high < free / 2


@every_kernel
def test_a_limited_group_swaps_to_compressed_memory(kernel):
    """test_zswap_usage: with zram in zswap's place."""
    found = mmrun.run(PLAN, {"kernel": kernel, "case": "swapped"})
    assert found["pswpout"] > 0 and found["cgroup.g.usage_pages"] <= 256 and found["oom_kill"] == 0
