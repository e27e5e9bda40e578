"""Recording by a tool of our own for valgrind (`pages.c`), which folds while the program runs.

lackey prints a line an access, which is what recording with it spends its time on. This tool calls out only where the
page changes, and writes binary chunks; it follows children, tells threads apart, and sees what system calls touch.
"""
