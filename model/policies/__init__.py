"""Policy variants: one directory an axis, one file a variant. Found by `model.registry`; nothing else imports them."""
