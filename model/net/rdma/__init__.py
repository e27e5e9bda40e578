"""Far memory that a card reads and writes by itself: nothing is allocated for a request, no thread of a server runs.

Buffers are registered beforehand, so that none of the deadlocks of sockets can happen. Source: Infiniswap (NSDI 2017),
Fastswap (EuroSys 2020).
"""
