"""Two cells side by side: in what they differ, where their times went, and from a number to what stands behind it."""
