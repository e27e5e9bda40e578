"""Running cells: in this process or on Ray, batches, retries, progress, kernels compiled ahead."""
