"""Functions of `tracer.*` around traces: runs, experiments, versions, evaluation."""
