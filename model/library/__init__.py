"""The model's kernels as one library of machine code: made once, loaded by address, without numba.

key        what a kernel depends on, as text: its code and the values it refers to
frontend   numba types and lowers one kernel, to unoptimised IR (the only file that knows numba's insides)
intrinsics what kernels see of the hook table and of the big tables
store      results of the front end, kept by key
schedule   front ends in parallel, callees before their callers
worker     a process that runs front ends
link       all kernels into one module, optimised and emitted once
machine    CPUs and versions that machine code is made for
load       an object file becomes addresses
calls      what Python calls: the right library, arguments and results
place      directories, locks, and what is forgotten
main       the library of everything that is built in
"""
