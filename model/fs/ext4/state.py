"""The ways of the version that ext4 goes."""

from mmrun.model.core.record import one, row

ext4_settings = one(
    239, "ext4_settings", row(
        da_write_handle="i8", handle_over_submission="i8", ordered_writes="i8", unwritten_extents="i8",
    ),
)  # fmt: skip
