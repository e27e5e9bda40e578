"""Rules of validity, all of them: ranges and relations in the types, and what the parts of a machine and cell need."""
