"""Speed and size of the model and the runner, measured as ratios in one run: `python -m benchmarks`."""
