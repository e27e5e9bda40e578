"""Memory management proper: one file a mechanism, named as in the kernel's mm/ where there is such a file."""
