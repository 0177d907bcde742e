"""OTLP, as it is exported, imported and received."""
