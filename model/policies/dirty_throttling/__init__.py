"""Variants of dirty throttling: how writers are held back when too much of memory is dirty."""
