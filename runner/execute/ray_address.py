"""Which Ray a sweep uses, and the word for one that cannot be used; apart because it imports nothing heavy."""

import os
import socket
import threading
from contextlib import suppress

from mmrun.runner.config.problems import EnvironmentProblem

PROBE_SECONDS = 5.0


class Unreachable(Exception):
    """Ray could not be started or the cluster could not be joined."""


def address_of(option: str | None) -> str | None:
    """The cluster to join: the option, else RAY_ADDRESS, else None for a private one."""
    address = option or os.environ.get("RAY_ADDRESS") or None
    if address and address.startswith("ray://"):
        raise EnvironmentProblem(f"{address}: a Ray client address; give host:port of the head node (usually :6379)")
    if address and address not in ("auto", "local") and not address.rpartition(":")[2].isdecimal():
        raise EnvironmentProblem(
            f"{named(address)}: not an address of a Ray cluster; give host:port (the port is usually 6379)"
        )
    return None if address == "local" else address


def named(address: str) -> str:
    """The address, and that it came from the environment if it did."""
    return f"{address} (from RAY_ADDRESS)" if address == os.environ.get("RAY_ADDRESS") else address


def reach(address: str) -> None:
    """Raise Unreachable unless somebody listens at the address; Ray itself would wait for ever.

    The question is asked in a thread, since looking up a name hears no signals.
    """
    if address == "auto":
        return
    found: list[str] = [f"no answer within {PROBE_SECONDS:.0f} s"]
    asking = threading.Thread(target=lambda: found.append(answers(address)), daemon=True)
    asking.start()
    asking.join(PROBE_SECONDS)
    if found[-1]:
        remedy = "unset RAY_ADDRESS" if "RAY_ADDRESS" in named(address) else "leave out --address"
        raise Unreachable(
            f"no Ray cluster at {named(address)}: {found[-1]}; start one there (`ray start --head`), "
            f"or {remedy} to run on this machine"
        )


def on_loopback_alone(address: str) -> bool:
    """Whether a cluster at a loopback address cannot be had by this machine's outside address, which Ray would take."""
    host, _, port = address.rpartition(":")
    if host != "localhost" and not host.startswith("127."):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, suppress(OSError):
        asked.connect(("192.0.2.1", 9))  # sends nothing; the address is one that nobody has
        return bool(answers(f"{asked.getsockname()[0]}:{port}"))
    return True


def answers(address: str) -> str:
    """'' if somebody listens at host:port, else why not."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS).close()
    except (OSError, OverflowError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error) or "no answer"
    return ""
