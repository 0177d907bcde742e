"""Recording of spans in the user's thread."""
