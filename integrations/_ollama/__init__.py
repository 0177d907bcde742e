"""Reads requests and replies of the Ollama API."""
