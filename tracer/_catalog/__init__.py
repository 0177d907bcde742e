"""What a server of several projects knows beside their traces: projects, keys, what administrators did."""
