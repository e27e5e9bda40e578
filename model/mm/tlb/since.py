"""What kernels do to TLBs: what changed when."""

from mmrun.model.core.timeline import Dated, flag

DATED: Dated = (
    flag("pcid", "translations of a task outlast the turn of another one on its CPU",
         "x86/mm: Implement PCID based optimization: try to preserve old TLB entries using PCID, 4.14", since="4.14"),
)  # fmt: skip
