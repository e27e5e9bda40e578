"""The hardware, and what a machine record is made of: nodes and their distances, CPUs, costs, actors, ticks.

A machine is one small record and what lies behind its addresses (`built`). Zones follow from nodes (`numa`), actors
from what there is (`actors`); what all mechanisms count by node and task stands here too (`state`).
"""
