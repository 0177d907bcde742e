"""Requests, replies and streams of the Ollama API."""
