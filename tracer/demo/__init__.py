"""A small tool-calling agent to see tracer work on, and the scripted server that it talks to by default."""
