"""Durable records of cells, their states, and one table of them all."""
