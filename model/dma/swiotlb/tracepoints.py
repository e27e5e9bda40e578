"""The tracepoint of bounce buffers (include/trace/events/swiotlb.h); read in 4.4, 4.9, 5.19, 6.1, 6.12."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import kind, tracepoint

BOUNCED = "dev_name: {dev} dma_mask={dma_mask:x} dev_addr={dev_addr:x} size={size} "


class Forced(str):
    """Whether everything bounces; `old`: as the option was called."""

    @property
    def old(self) -> str:
        """Its name, or nothing."""
        return "swiotlb_force" if self == "FORCE" else ""


kind("device", lambda number: f"0000:00:{number + 1:02x}.0")
kind("forced", [Forced("NORMAL"), Forced("FORCE")])

swiotlb_bounced_event = tracepoint(
    102, "swiotlb", "swiotlb_bounced", "dev:device dma_mask dev_addr size forced:forced",
    since("3.13", BOUNCED + "{forced.old}", "tracing/events: Add bounce tracing to swiotlb", "between 3.7 and 4.4"),
    since("4.10", BOUNCED + "{forced}", "swiotlb: Convert swiotlb_force from int to enum", "between 4.5 and 4.10"),
)  # fmt: skip
