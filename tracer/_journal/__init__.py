"""A write-ahead log of bytes: segments, one drainer a sink, recovery of dead processes' records."""
