"""What is lost when things go wrong: ``python -m benchmarks.faults`` kills real programs, docs/faults.md shows."""
