"""Variants of proactive reclaim: controllers that shrink groups before there is pressure."""
