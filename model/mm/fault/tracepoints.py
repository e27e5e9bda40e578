"""The tracepoint of page faults (arch/x86/include/asm/trace/exceptions.h; read in 4.4).

`address` is that of a task's address space here, in which its mappings lie end to end. Where its code stood is not
known.
"""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

PROTECTION, WRITING, USER = 1, 2, 4  # X86_PF_PROT, X86_PF_WRITE, X86_PF_USER

page_fault_user = tracepoint(
    112, "exceptions", "page_fault_user", "address error_code",
    since("3.13", "address=0x{address:x} ip=0x0 error_code=0x{error_code:x}", "x86, trace: Add page fault tracepoints",
          "between 3.7 and 4.4"),
)  # fmt: skip
