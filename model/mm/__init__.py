"""Memory management proper: one package a mechanism, files named as in the kernel's mm/ where there is such a file."""
