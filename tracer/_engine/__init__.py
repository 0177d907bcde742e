"""What runs in the user's thread while a span is recorded."""
