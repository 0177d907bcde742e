"""tracer beside its peers and the physical limits: ``python -m benchmarks`` measures, docs/benchmarks.md shows."""
