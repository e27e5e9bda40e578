"""The commands of `mmrun`, one module each; `runner.cli` lists them."""
