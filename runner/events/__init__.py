"""Trace events of a run as text."""
