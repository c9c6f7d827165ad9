"""One engine and the accounts it owns: a core without I/O, and the process that runs it."""
