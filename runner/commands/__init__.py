"""The commands of `mmrun`, one module each; `mmrun.runner.cli` lists them."""
