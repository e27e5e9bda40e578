"""Variants of the memory controller: which groups reclaim visits, in which order, and what protects them."""
