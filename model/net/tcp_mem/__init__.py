"""What sockets' memory is charged to: the protocol's counter with its three marks, per-CPU shares of it, groups.

Source: net/core/sock.c, include/net/sock.h, mm/memcontrol.c, net/ipv4/tcp_memcontrol.c.
"""
