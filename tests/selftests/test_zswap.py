"""Linux's selftests of zswap in groups."""

from pathlib import Path

import pytest

import mmrun

PLAN = mmrun.plan(Path(__file__).parent / "zswap.yaml")
BY_GROUP = ("6.8", "6.12", "6.18")  # kernels that write back by group
every_kernel = pytest.mark.parametrize("kernel", ("5.19", "6.1", *BY_GROUP))
PAGES_24M = 24 * 256


def ran(kernel: str, case: str) -> dict:
    return dict(mmrun.run(PLAN, {"kernel": kernel, "case": case}))


def told(found: dict, name: str, group: str = "g") -> int:
    return int(found.get(f"cgroup.{group}.{name}", 0))


@every_kernel
def test_memory_beyond_a_limit_is_stored(kernel):
    """test_zswap_usage: 4M in a group of 1M."""
    found = ran(kernel, "usage")
    assert told(found, "zswpout") > 0 and found["oom_kill"] == 0


@every_kernel
def test_a_group_without_room_in_zswap_swaps_past_it(kernel):
    """test_swapin_nozswap: zswap.max is 0, 24M and more go to the device, nothing to zswap."""
    found = ran(kernel, "nozswap")
    assert told(found, "zswpout") == found["zswpout"] == 0
    assert found["pswpout"] >= PAGES_24M and found["pswpin"] >= PAGES_24M


@every_kernel
def test_what_is_stored_is_read_back(kernel):
    """test_zswapin: 32M written and read in a group of 8M; at least 24M come from zswap."""
    found = ran(kernel, "swapin")
    assert told(found, "zswpin") >= PAGES_24M and found["pswpin"] == 0


@pytest.mark.parametrize("kernel", BY_GROUP)
def test_pages_are_written_back_where_that_is_allowed(kernel):
    """test_zswap_writeback_enabled, _disabled: by a group at its zswap.max; neither zswap nor reclaim writes else."""
    allowed = ran(kernel, "allowed")
    assert told(allowed, "zswpwb") > 0 and allowed["pswpout"] > 0
    forbidden = ran(kernel, "forbidden")
    assert told(forbidden, "zswpwb") == forbidden["pswpout"] == 0 and told(forbidden, "zswpin") > 0


@pytest.mark.parametrize("kernel", BY_GROUP)
def test_a_group_at_its_limit_does_not_shrink_another(kernel):
    """test_no_invasive_cgroup_shrink."""
    found = ran(kernel, "invasive")
    assert told(found, "zswpwb", "wb") > 0 and told(found, "zswpout", "control") > 0
    assert told(found, "zswpwb", "control") == 0


@every_kernel
def test_what_is_stored_is_charged(kernel):
    """test_no_kmem_bypass: compressed pages are kernel memory of the group."""
    found = ran(kernel, "swapin")
    pages = -(-told(found, "zswap") // 4096)
    assert pages > 100 and told(found, "kmem_pages") >= pages
