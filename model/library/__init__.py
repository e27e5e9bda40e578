"""The model's kernels as one library of machine code: made once, loaded by address, without numba.

key, codes   what a kernel depends on, and types of arguments, as text
entry        what the front end makes of one kernel
frontend     numba types and lowers one kernel, to unoptimised IR (which knows numba's insides, as `single` does)
intrinsics   what kernels see of the hook table and of the big tables
store        results of the front end, kept by key
schedule     front ends in parallel, callees before their callers
worker       a process that runs front ends
link         all kernels into one module, optimised and emitted once
machine      CPUs and versions that machine code is made for
sources      digests of the source files
place        directories, locks, and what is forgotten
load         an object file becomes addresses and functions
main         the library of everything that is built in, and how any library is come by
single       functions that numba compiles by itself, kept with the rest
calls        what Python calls: the right library, arguments and results
"""
