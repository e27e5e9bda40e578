"""Asking for a page: the zonelist walk, its slow path, node_reclaim (mm/page_alloc.c)."""
