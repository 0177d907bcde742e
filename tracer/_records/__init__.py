"""The wire format of the journal: what a record holds and what can be derived from it."""
