"""Reading experiments: YAML with places, units, types, the rules that a cell's parts must meet."""
