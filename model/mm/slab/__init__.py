"""Slab caches, their objects and the shrinkers that free them (mm/slub.c, mm/list_lru.c, mm/shrinker.c)."""
