"""A small tool-calling agent to demonstrate tracer, and the scripted server that it calls by default."""
