"""Variants of slab shrinking: how many objects of a cache a reclaim call asks for."""
