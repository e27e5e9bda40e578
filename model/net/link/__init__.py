"""Cables to other machines: a rate, a round trip, frames lost, a cut that a workload can make and heal.

Frames of one direction leave one after the other and arrive in that order, half a round trip later. Who is at the far
end has memory enough and is not modelled beyond its sockets (mmrun.model.net.tcp).
"""
