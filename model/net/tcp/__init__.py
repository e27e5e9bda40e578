"""Sockets and TCP at the granularity that memory sees: buffers, windows, acknowledgements, retransmission.

Both ends of a connection are rows of one table; only ends on this machine cost memory and CPU time. Source:
net/ipv4/tcp.c, tcp_input.c, tcp_output.c, tcp_timer.c.
"""
