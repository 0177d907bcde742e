"""Trying a model's call again: which servers may be asked, how, and the record of it."""
