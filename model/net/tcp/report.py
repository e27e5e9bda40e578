"""What is told of sockets."""

from mmrun.model.machine.built import Built


def sampled(built: Built) -> dict[str, int]:
    """Sockets of this machine, and what their queues are charged as."""
    rows = built.memory.table("socks")
    if not len(rows):
        return {}
    own = rows[rows["here"] == 1]
    return {
        "tcp_sockets": len(own), "tcp_wmem_queued": int(own["wmem_queued"].sum()),
        "tcp_rmem_alloc": int(own["rmem_alloc"].sum()),
    }  # fmt: skip
