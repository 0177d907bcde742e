"""The wire format of the journal: the fields of a record, and the fields derived from them."""
