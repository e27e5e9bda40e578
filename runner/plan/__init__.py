"""From an experiment to cells: sweep grammar, sampling, replicates, identity, what is done, what the rest costs."""
