"""The network as memory sees it: wires, buffers, cards, sockets, accounting, and what is built on them."""
