"""What the text of variants and kernels says and shows to be wrong, by syntax trees; nothing is imported or run."""
