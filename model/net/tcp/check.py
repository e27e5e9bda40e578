"""Bytes sent are acknowledged or queued, none is received that was not sent; every buffer is in one place."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.net.tcp.state import ESTABLISHED, tcp_state

QUEUES = ("write_queue", "receive_queue", "out_of_order_queue", "backlog")


def verify(built: Built, seen: np.ndarray) -> None:
    """Queues and counts of every socket against the buffers in them."""
    socks = built.memory.table("socks")
    if not len(socks):
        return
    skbs, places = built.memory.table("skbs"), list[int]()
    for sk, sock in enumerate(socks):
        lists = {name: chain(skbs, int(sock[name]["head"]), int(sock[name]["n"])) for name in QUEUES}
        for name, rows in lists.items():
            require(len(rows) == sock[name]["n"], lambda: f"socket {sk} has miscounted its {name}")  # noqa: B023
            places += rows
        _send_side(skbs, sk, sock, lists["write_queue"])
        _receive_side(skbs, sk, sock, lists)
        if sock["state"] == ESTABLISHED and socks[sock["peer"]]["state"] == ESTABLISHED:
            _both(sk, sock, socks[sock["peer"]])
    places += chain(skbs, int(tcp_state(built.memory.m).lo["head"]), len(skbs))
    require(len(set(places)) == len(places), lambda: "a buffer is in two queues")


def _send_side(skbs: np.ndarray, sk: int, sock: np.record, queue: list[int]) -> None:
    """The send queue holds what was written and is not acknowledged, each byte once, in order."""
    rows = skbs[queue]
    require(rows["truesize"].sum() == sock["wmem_queued"], lambda: f"socket {sk} has miscounted wmem_queued")
    if len(rows):
        require((rows["seq"][1:] == rows["end_seq"][:-1]).all(), lambda: f"the send queue of socket {sk} has a gap")
        require(rows["end_seq"][-1] == sock["write_seq"], lambda: f"socket {sk} has lost the end of its send queue")
        require(rows["seq"][0] <= sock["snd_una"], lambda: f"socket {sk} has lost what is not acknowledged")
    else:
        require(sock["snd_una"] == sock["write_seq"], lambda: f"socket {sk} has lost bytes that it was to send")
    sent = queue if sock["send_head"] == NONE else queue[: queue.index(sock["send_head"])]
    require(skbs["segs"][sent].sum() == sock["packets_out"], lambda: f"socket {sk} has miscounted packets_out")
    require(sock["snd_una"] <= sock["snd_nxt"] <= sock["write_seq"], lambda: f"socket {sk} sends what is not there")


def _receive_side(skbs: np.ndarray, sk: int, sock: np.record, lists: dict[str, list[int]]) -> None:
    """The receive queue holds what has come and is not read, what came out of order lies behind it."""
    queue, later = skbs[lists["receive_queue"]], skbs[lists["out_of_order_queue"]]
    charged = queue["truesize"].sum() + later["truesize"].sum()
    require(charged == sock["rmem_alloc"], lambda: f"socket {sk} has miscounted rmem_alloc")
    held = queue["end_seq"].max() if len(queue) else sock["copied_seq"]
    require(held == sock["rcv_nxt"], lambda: f"the receive queue of socket {sk} does not end where it has received to")
    require((np.diff(later["seq"]) >= 0).all(), lambda: f"socket {sk} keeps what is out of order out of order")
    require((later["end_seq"] > sock["rcv_nxt"]).all(), lambda: f"socket {sk} keeps what it has received already")


def _both(sk: int, sock: np.record, peer: np.record) -> None:
    """What one end has received lies between what the other knows of, and what it has sent."""
    if peer["rcv_base"] == sock["snd_base"]:
        require(
            sock["snd_una"] <= peer["rcv_nxt"] <= sock["snd_nxt"],
            lambda: f"the other end of socket {sk} has received what was not sent, or not what was acknowledged",
        )
