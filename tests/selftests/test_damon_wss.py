"""Linux's selftest damon/wss_estimation: two regions of 10 MiB, one at a time; what DAMON says is in use."""

import numpy as np
import pytest

import mmrun


@pytest.mark.parametrize("kernel", ["5.15", "6.18"])
def test_the_working_set_is_found_within_a_fifth(kernel):
    """The median and the 75th percentile, while the second region is in use."""
    found = mmrun.run(
        {
            "experiment": "wss", "kernel": kernel, "machine": {"nodes": [{"cpus": 2, "memory": "128MiB"}]},
            "policy": {"idle": {"variant": "damon", "by_task": True}},
            "sampling": {"every": "100ms", "cold_after": "200ms"}, "duration": "4s",
            "tasks": {"t": {"think": "1us", "stream": {
                "kind": "phases", "size": "20MiB", "working_set": "10MiB", "phase": 1_834_862, "sweep": True,
                "accesses": 8_000_000,
            }}},
        }
    )  # fmt: skip
    said_cold = np.diff(found.series["cold_found"].astype(int) + found.series["cold_false"].astype(int))[-12:]
    in_use = (5120 - said_cold) / 256  # MiB
    assert all(abs(np.percentile(in_use, p) - 10) <= 2 for p in (50, 75))
