"""Socket buffers: heads from slab caches, payload in page fragments, all of it in this machine's frames.

Each frame is held by those whose bytes lie in it, and goes back with the last of them. Source: net/core/skbuff.c,
net/core/sock.c, mm/page_frag_cache.c.
"""
