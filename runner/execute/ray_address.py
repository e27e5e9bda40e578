"""Which Ray a sweep uses, and the word for one that cannot be used; apart because it imports nothing heavy."""

import os

from mmrun.runner.config.problems import EnvironmentProblem


class Unreachable(Exception):
    """Ray could not be started or the cluster could not be joined."""


def address_of(option: str | None) -> str | None:
    """The cluster to join: the option, else RAY_ADDRESS, else None for a private one."""
    address = option or os.environ.get("RAY_ADDRESS") or None
    if address and address.startswith("ray://"):
        raise EnvironmentProblem(f"{address}: a Ray client address; give host:port of the head node (usually :6379)")
    return None if address == "local" else address
