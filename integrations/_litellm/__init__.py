"""Reads the calls of LiteLLM."""
