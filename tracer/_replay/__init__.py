"""Recording of HTTP calls into cassettes, and replaying them below the SDKs, which parse the recorded bytes."""
