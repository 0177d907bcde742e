"""The names of `tracer.*` that record traces and read them."""
