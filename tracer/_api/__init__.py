"""Functions of `tracer.*` that record and read traces."""
