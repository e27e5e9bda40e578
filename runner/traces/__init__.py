"""What `mmrun trace` prints and draws."""
