"""What `mmrun explain` knows."""
