"""The data of a server of several projects besides their traces: projects, keys, acts of administrators."""
